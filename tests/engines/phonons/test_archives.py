"""Archives that mean no good, or are damaged: a sentence, and nothing on the disk."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import pytest

from aiida_limap.engines.phonons import PhononSourceError
from aiida_limap.engines.phonons import _archives as archives
from aiida_limap.engines.phonons.files import collect_files


def tar_with(*items, mode='w:xz'):
    """Return a tar archive of (name, content or TarInfo type) pairs."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as tar:
        for name, content in items:
            info = tarfile.TarInfo(name)
            if content in {tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE}:
                info.type, info.linkname = content, '/etc/passwd'
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


@pytest.fixture
def refused(tmp_path):
    """Return the sentence with which an archive is refused, and see that nothing was written."""

    def refuse(data, **options):
        inner = tmp_path / 'inner'
        inner.mkdir(exist_ok=True)
        file = inner / 'some.tar.lzma'
        file.write_bytes(data)
        with pytest.raises(PhononSourceError) as caught:
            collect_files(file, **options)
        assert [path.name for path in tmp_path.rglob('*') if path.is_file()] == ['some.tar.lzma']
        return str(caught.value)

    return refuse


@pytest.mark.parametrize('name', ['../FORCE_SETS', 'a/../../FORCE_SETS', '/tmp/FORCE_SETS', 'C:/FORCE_SETS', '..\\x'])
@pytest.mark.parametrize('kind', ['tar', 'zip'])
def test_a_path_that_climbs_out(name, kind, refused):
    if kind == 'tar':
        data = tar_with(('mp/BORN', b'x'), (name, b'x'))
    else:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, 'w') as archive:
            archive.writestr('mp/BORN', 'x')
            archive.writestr(name, 'x')
        data = stream.getvalue()
    message = refused(data)
    assert 'leads out of the archive; nothing was read from it' in message
    assert 'FORCE_SETS' in message or 'x' in message


@pytest.mark.parametrize('kind', [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_links_are_not_followed(kind, refused):
    assert 'is a link, which is not followed' in refused(tar_with(('mp/FORCE_SETS', kind)))


def test_a_link_in_a_zip(refused):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, 'w') as archive:
        info = zipfile.ZipInfo('mp/FORCE_SETS')
        info.external_attr = 0o120777 << 16
        archive.writestr(info, '/etc/passwd')
    assert 'is a link' in refused(stream.getvalue())


def test_a_device_is_no_file(refused):
    assert 'is no plain file' in refused(tar_with(('mp/FORCE_SETS', tarfile.FIFOTYPE)))


def test_links_of_no_interest_are_passed_over(tmp_path):
    file = tmp_path / 'x'
    file.write_bytes(tar_with(('mp/POTCAR', tarfile.SYMTYPE), ('mp/BORN', b'born'), ('mp/._BORN', b'junk')))
    assert collect_files(file).contents == {'BORN': b'born'}


@pytest.mark.parametrize('compress', [lzma.compress, gzip.compress, bz2.compress])
def test_a_bomb_is_stopped_while_it_unpacks(compress, refused):
    assert 'more bytes come out of it' in refused(compress(bytes(5_000_000)), max_bytes=1024**2)


def test_a_large_member_and_large_compressed_members(refused):
    assert 'more bytes come out of it' in refused(tar_with(('BORN', bytes(3_000_000))), max_bytes=1024**2)
    members = tar_with(*((f'{name}.xz', lzma.compress(bytes(700_000))) for name in ('BORN', 'FORCE_SETS')))
    assert 'more bytes come out of it' in refused(members, max_bytes=1024**2)


def test_too_many_members(refused, monkeypatch):
    monkeypatch.setattr(archives, 'MAX_MEMBERS', 3)
    assert 'more than 3 members' in refused(tar_with(*((f'a{number}', b'') for number in range(5))))


@pytest.mark.parametrize('share', [0.3, 0.7, 0.99])
def test_cut_off(share, refused):
    data = tar_with(('mp/FORCE_SETS', bytes(range(256)) * 200), ('mp/BORN', b'x' * 5000))
    assert 'damaged or cut off' in refused(data[: int(share * len(data))])


def test_a_tar_that_ends_in_a_member(refused):
    data = lzma.compress(tar_with(('mp/FORCE_SETS', bytes(range(256)) * 40), mode='w')[:4000])
    assert 'damaged or cut off' in refused(data)


def test_a_damaged_and_an_encrypted_zip(refused):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, 'w') as archive:
        archive.writestr('BORN', 'x' * 1000)
    data = bytearray(stream.getvalue())
    assert 'damaged' in refused(bytes(data[:500]))
    for signature, offset in ((b'PK\x03\x04', 6), (b'PK\x01\x02', 8)):
        data[data.index(signature) + offset] |= 1
    assert 'cannot be unpacked' in refused(bytes(data))


def test_several_compounds_and_none(refused):
    assert 'several compounds' in refused(tar_with(('a/BORN', b'x'), ('b/BORN', b'x')))
    assert 'holds no file of phonopy' in refused(tar_with(('a/README', b'x')))
    assert 'more than one BORN' in refused(tar_with(('a/BORN', b'x'), ('a/BORN.gz', gzip.compress(b'x'))))


def test_the_outermost_folder_is_the_compound(tmp_path):
    file = tmp_path / 'x'
    file.write_bytes(tar_with(('mp-7-20180417/BORN', b'one'), ('mp-7-20180417/old/BORN', b'two'), mode='w:gz'))
    found = collect_files(file)
    assert found.contents == {'BORN': b'one'}
    assert found.identifier == 'mp-7'
