"""Files, folders and archives as bytes; hostile archives do no harm."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import stat
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from aiida_limap.importers._archives import Blob, is_archive, read_blobs, stem_of
from aiida_limap.importers._parsing import is_structure_name
from aiida_limap.importers.base import Refusal

MANY = 10_000_000
COMPRESSIONS = {'.gz': gzip.compress, '.bz2': bz2.compress, '.xz': lzma.compress}


def read(file: Path, max_bytes: int = MANY) -> list[Blob | Refusal]:
    return list(read_blobs(file, PurePosixPath(file.name), is_structure_name, max_bytes))


def write_tar(path: Path, members: dict[str, bytes], mode: str = 'w') -> Path:
    with tarfile.open(path, mode) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def write_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


MEMBERS = {'b/two.cif': b'2', 'b/notes.txt': b'?', 'b/._two.cif': b'!', '__MACOSX/b/two.cif': b'!', 'POSCAR_a': b'1'}


@pytest.mark.parametrize(
    ('name', 'mode'),
    [
        ('a.tar', 'w'), ('a.tar.gz', 'w:gz'), ('a.TGZ', 'w:gz'), ('a.tar.bz2', 'w:bz2'), ('a.tbz2', 'w:bz2'),
        ('a.tar.xz', 'w:xz'), ('a.txz', 'w:xz'), ('a.zip', ''),
    ],
)  # fmt: skip
def test_the_structure_files_of_an_archive_are_read_with_their_paths(tmp_path, name, mode):
    file = tmp_path / name
    if mode:
        write_tar(file, MEMBERS, mode)
    else:
        write_zip(file, MEMBERS)
    assert is_archive(name)
    assert [(str(blob.path), blob.data, blob.name, blob.uri) for blob in read(file)] == [
        ('b/two.cif', b'2', f'{file}/b/two.cif', f'{file.as_uri()}#b/two.cif'),
        ('POSCAR_a', b'1', f'{file}/POSCAR_a', f'{file.as_uri()}#POSCAR_a'),
    ]


@pytest.mark.parametrize(
    ('suffix', 'compress'), [('.gz', gzip.compress), ('.bz2', bz2.compress), ('.xz', lzma.compress)]
)
def test_a_compressed_file_is_the_file_without_its_last_ending(tmp_path, suffix, compress):
    file = tmp_path / f'one.cif{suffix}'
    file.write_bytes(compress(b'content'))
    (blob,) = read(file)
    assert (str(blob.path), blob.data) == ('one.cif', b'content')


def test_the_end_of_a_name_is_taken_off():
    names = {
        'one.cif': 'one', 'one.cif.gz': 'one', 'set.tar.gz': 'set', 'set.v2.zip': 'set.v2', 'mp-1.v2.cif': 'mp-1.v2',
        'folder': 'folder', '.zip': '.zip',
    }  # fmt: skip
    assert {name: stem_of(name) for name in names} == names


@pytest.mark.parametrize('bad', ['../out.cif', 'a/../../out.cif', '/etc/out.cif', '..\\out.cif', 'C:\\out.cif'])
@pytest.mark.parametrize('kind', ['tar', 'zip'])
def test_members_whose_path_leads_out_of_the_archive_are_refused(tmp_path, bad, kind):
    members = {bad: b'x', 'good.cif': b'y'}
    file = write_tar(tmp_path / 'a.tar', members) if kind == 'tar' else write_zip(tmp_path / 'a.zip', members)
    refusal, good = read(file)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == 'its path leads out of the archive'
    assert good.data == b'y'
    assert sorted(path.name for path in tmp_path.iterdir()) == [file.name]


def test_links_and_devices_are_not_followed(tmp_path):
    with tarfile.open(tmp_path / 'a.tar', 'w') as archive:
        for name, kind in (
            ('soft.cif', tarfile.SYMTYPE),
            ('hard.cif', tarfile.LNKTYPE),
            ('pipe.cif', tarfile.FIFOTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type = kind
            info.linkname = '/etc/passwd'
            archive.addfile(info)
    reasons = [entry.reason for entry in read(tmp_path / 'a.tar')]
    assert reasons == ['it is a link in an archive, which is not followed'] * 2 + [
        'it is no plain file in an archive, which is not followed'
    ]
    with zipfile.ZipFile(tmp_path / 'a.zip', 'w') as archive:
        info = zipfile.ZipInfo('soft.cif')
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, '/etc/passwd')
    (refusal,) = read(tmp_path / 'a.zip')
    assert refusal.reason == 'it is a link in an archive, which is not followed'


def test_an_archive_in_an_archive_is_named(tmp_path):
    (refusal,) = read(write_zip(tmp_path / 'a.zip', {'inner.tar.gz': b'x'}))
    assert 'it is an archive in an archive' in refusal.reason


BOMB = bytes(1_000_000)


@pytest.mark.parametrize('name', ['bomb.zip', 'bomb.tar.gz', 'bomb.cif.gz', 'bomb.cif.xz', 'bomb.cif'])
def test_no_more_bytes_come_out_than_allowed(tmp_path, name):
    file = tmp_path / name
    if name.endswith('.zip'):
        write_zip(file, {'small.cif': b'x', 'bomb.cif': BOMB, 'after.cif': b'y'})
    elif name.endswith('.tar.gz'):
        write_tar(file, {'small.cif': b'x', 'bomb.cif': BOMB, 'after.cif': b'y'}, 'w:gz')
    else:
        file.write_bytes({'.gz': gzip.compress, '.xz': lzma.compress}.get(file.suffix, bytes)(BOMB))
    *before, refusal = read(file, max_bytes=50_000)
    assert isinstance(refusal, Refusal)
    assert refusal.name == str(file)
    assert 'come out of it; the rest is left out' in refusal.reason
    assert [blob.data for blob in before] == ([b'x'] if is_archive(name) else [])
    assert not any(isinstance(entry, Refusal) for entry in read(file))


def test_what_is_passed_over_counts_too(tmp_path):
    # Members of a tar file can only be passed over by unpacking them.
    file = write_tar(tmp_path / 'a.tar.gz', {'notes.txt': BOMB, 'after.cif': b'y'}, 'w:gz')
    (refusal,) = read(file, max_bytes=50_000)
    assert 'come out of it' in refusal.reason


def test_sizes_that_lie_are_found_out(tmp_path):
    file = write_zip(tmp_path / 'a.zip', {'bomb.cif': BOMB})
    # Both headers of the member say that it holds ten bytes.
    data = file.read_bytes().replace(len(BOMB).to_bytes(4, 'little'), (10).to_bytes(4, 'little'))
    file.write_bytes(data)
    (refusal,) = read(file)
    assert isinstance(refusal, Refusal)
    assert refusal.reason.startswith('the archive is damaged (')


@pytest.mark.parametrize('name', ['a.tar.gz', 'a.tar', 'a.zip', 'a.tar.xz', 'one.cif.gz', 'one.cif.bz2'])
@pytest.mark.parametrize('content', [b'', b'no archive at all', 'cut'])
def test_a_damaged_file_is_refused_after_what_could_be_read(tmp_path, name, content):
    file = tmp_path / name
    if content == 'cut':
        noise = random.Random(0).randbytes(40_000)
        if name.startswith('one'):
            file.write_bytes({'.gz': gzip.compress, '.bz2': bz2.compress}[file.suffix](noise)[:-20_000])
        elif name.endswith('.zip'):
            file.write_bytes(write_zip(file, {'a.cif': noise}).read_bytes()[:-20_000])
        else:
            mode = {'.gz': 'w:gz', '.xz': 'w:xz'}.get(file.suffix, 'w')
            file.write_bytes(write_tar(file, {'a.cif': noise}, mode).read_bytes()[:-20_000])
    else:
        file.write_bytes(content)
    entries = read(file)
    if content == b'' and name.startswith('one'):
        # An empty file is an empty stream for bzip2, and is refused when it is parsed.
        assert all(isinstance(entry, Refusal) or entry.data == b'' for entry in entries)
    else:
        assert isinstance(entries[-1], Refusal)
        assert entries[-1].reason.startswith('the archive is damaged (' if is_archive(name) else 'it cannot be read (')
        assert '\n' not in entries[-1].reason


def test_a_file_that_may_not_be_read_is_refused(tmp_path):
    (refusal,) = read(tmp_path / 'gone.cif')
    assert refusal.reason == 'it cannot be read (No such file or directory)'
