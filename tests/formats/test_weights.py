from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from aiida_limap.formats._files import FormatError, checksum
from aiida_limap.formats.weights import HEADER_KEYS, read_header, read_weights, write_weights

HEADER = {
    'kind': 'trial',
    'architecture': {'hidden': [2, 3]},
    'columns': {'labels': ['Å', 'b']},
    'scaling': {'composition': [[0, 2, 0.5]]},
    'seed': 3,
    'training': {'learning_rate': 1e-3},
    'data_hash': 'abc',
    'engine_version': '1.2.3',
}
TENSORS = {
    'encoder.weight': np.arange(6, dtype=np.float32).reshape(2, 3),
    'encoder.bias': np.array([0.5, -1.0]),
    'place': np.arange(3, dtype=np.int32),
}


@pytest.fixture(scope='module')
def content(tmp_path_factory):
    path = tmp_path_factory.mktemp('weights') / 'model.safetensors'
    write_weights(path, TENSORS, HEADER)
    return path.read_bytes()


def equal(first, second):
    return first[1] == second[1] and {name: (tensor.dtype, tensor.tolist()) for name, tensor in first[0].items()} == {
        name: (tensor.dtype, tensor.tolist()) for name, tensor in second[0].items()
    }


def raw(document, data=b'', metadata=None):
    """Return a safetensors file from its own header."""
    text = (
        document if isinstance(document, bytes) else json.dumps({**document, '__metadata__': metadata or {}}).encode()
    )
    return struct.pack('<Q', len(text)) + text + data


def described(header, schema_version=1, **more):
    return {'limap_header': json.dumps({'schema': 'limap.weights', 'schema_version': schema_version, **header, **more})}


def entry(dtype, shape, size):
    return {'w': {'dtype': dtype, 'shape': shape, 'data_offsets': [0, size]}}


def test_weights_round_trip(tmp_path):
    path = tmp_path / 'model.safetensors'
    write_weights(path, TENSORS, HEADER)
    assert equal(read_weights(path), (TENSORS, HEADER))
    assert read_header(path) == HEADER


def test_equal_models_give_equal_files(tmp_path, content):
    path = tmp_path / 'model.safetensors'
    write_weights(path, dict(reversed(TENSORS.items())), dict(reversed(HEADER.items())))
    assert path.read_bytes() == content


def test_headers_are_read_as_json_spells_them(tmp_path):
    path = tmp_path / 'model.safetensors'
    write_weights(path, TENSORS, {**HEADER, 'training': {2: (1, 2), 10: -0.0, 'e': 1e-7}, 'scaling': {'big': 2**70}})
    found = read_weights(path)[1]
    assert found['training'] == {'2': [1, 2], '10': 0.0, 'e': 1e-7}
    assert found['scaling'] == {'big': 2**70}


def test_files_without_checksums_are_still_read(tmp_path):
    path = tmp_path / 'model.safetensors'
    path.write_bytes(save(TENSORS, metadata=described(HEADER)))
    assert equal(read_weights(path), (TENSORS, HEADER))
    assert read_header(path) == HEADER


def test_wrong_headers_and_weights_are_not_written(tmp_path):
    path = tmp_path / 'model.safetensors'
    with pytest.raises(FormatError, match="unknown key 'colour'"):
        write_weights(path, TENSORS, {**HEADER, 'colour': 1})
    with pytest.raises(FormatError, match="'seed' is missing"):
        write_weights(path, TENSORS, {key: HEADER[key] for key in HEADER_KEYS if key != 'seed'})
    with pytest.raises(FormatError, match="seed must be a whole number, not 'True'"):
        write_weights(path, TENSORS, {**HEADER, 'seed': True})
    with pytest.raises(FormatError, match='cannot be written as JSON'):
        write_weights(path, TENSORS, {**HEADER, 'training': {'loss': np.nan}})
    with pytest.raises(FormatError, match="'w' holds a number that is not finite"):
        write_weights(path, {'w': np.array([np.inf])}, HEADER)
    with pytest.raises(FormatError, match="'w' has type float16; known are float32, float64, int32"):
        write_weights(path, {'w': np.zeros(1, dtype=np.float16)}, HEADER)
    assert not path.exists()


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@settings(max_examples=400, deadline=None)
def test_a_flipped_bit_is_found_or_changes_nothing(content, tmp_path_factory, place, bit):
    damaged = bytearray(content)
    damaged[int(place * len(content))] ^= 1 << bit
    _refused_or_equal(tmp_path_factory, bytes(damaged))


@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_overwritten_bytes_are_found_or_change_nothing(content, tmp_path_factory, data):
    start = data.draw(st.integers(0, len(content) - 1))
    damaged = bytearray(content)
    written = data.draw(st.binary(min_size=1, max_size=16))[: len(content) - start]
    damaged[start : start + len(written)] = written
    _refused_or_equal(tmp_path_factory, bytes(damaged))


def test_every_truncated_file_is_refused(content, tmp_path):
    path = tmp_path / 'model.safetensors'
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(FormatError, match=r'^model\.safetensors: not a model file, or cut short'):
            read_weights(path)


@given(given=st.binary(max_size=64))
@settings(max_examples=200, deadline=None)
def test_foreign_bytes_are_refused(tmp_path_factory, given):
    path = tmp_path_factory.getbasetemp() / 'foreign.safetensors'
    path.write_bytes(given)
    for read in (read_weights, read_header):
        with pytest.raises(FormatError, match=r'^foreign\.safetensors: '):
            read(path)


def _refused_or_equal(factory, damaged):
    path = factory.getbasetemp() / 'damaged.safetensors'
    path.write_bytes(damaged)
    try:
        found = read_weights(path)
    except FormatError as error:
        assert str(error).startswith('damaged.safetensors: ')
        return
    assert equal(found, (TENSORS, HEADER))


@pytest.mark.parametrize(
    ('given', 'message'),
    [
        (struct.pack('<Q', 2**62), 'cut short: .*header too large'),
        (struct.pack('<Q', 2**27) + b'{}', 'cut short: .*header'),
        (raw(b'\xff\xfe'), 'cut short: .*utf-8'),
        (raw({}), 'not one that aiida-limap wrote'),
        (save(TENSORS, metadata={'format': 'pt'}), 'not one that aiida-limap wrote'),
        (raw({}, metadata={'limap_header': '[' * 100_000}), 'its header is damaged'),
        (raw({}, metadata={'limap_header': '9' * 10_000}), 'its header is damaged'),
        (raw({}, metadata={'limap_header': '[]'}), 'its header is damaged: expected a mapping, found list'),
        (raw({}, metadata={'limap_header': '{"schema": NaN}'}), 'its header is damaged: NaN is no finite number'),
        (raw({}, metadata=described(HEADER, schema='limap.checkpoint')), "found 'limap.checkpoint'"),
        (raw({}, metadata=described(HEADER, schema_version=3)), 'schema version 3 is not version 2'),
        (raw({}, metadata=described(HEADER, schema_version=2)), "the key 'header_sha256' is missing"),
        (
            raw({}, metadata=described(HEADER, schema_version=2, header_sha256='0', weights_sha256='0')),
            'damaged: its header does not have the checksum',
        ),
        (raw({}, metadata={'limap_header': '{"seed": 1e999}'}), 'its header is damaged: 1e999 is no finite number'),
        (raw({}, metadata=described(HEADER, colour=1)), "unknown key 'colour'"),
        (raw({}, metadata=described({'kind': 'trial'})), "the key 'architecture' is missing"),
        (raw({}, metadata=described({**HEADER, 'architecture': [1]})), r"architecture must be a mapping, not '\[1\]'"),
        (raw({}, metadata=described({**HEADER, 'seed': 1.5})), "seed must be a whole number, not '1.5'"),
        (raw({}, metadata=described({**HEADER, 'kind': None})), "kind must be text, not 'None'"),
        (raw(entry('F32', [1], 4), struct.pack('<f', np.nan), described(HEADER)), 'holds a number that is not finite'),
        (raw(entry('U8', [4], 4), bytes(4), described(HEADER)), "'w' has type U8; known are F32, F64, I32, I64"),
        (raw(entry('BF16', [2], 4), bytes(4), described(HEADER)), "'w' has type BF16; known are F32, F64, I32, I64"),
        (
            raw(entry('F8_E4M3', [2], 2), bytes(2), described(HEADER)),
            "'w' has type F8_E4M3; known are F32",
        ),
        (raw(entry('F32', [2**40, 2**40], 4), bytes(4), described(HEADER)), 'cut short: .*overflow'),
        (raw(entry('F32', [2], 4), bytes(4), described(HEADER)), 'cut short'),
    ],
)
def test_strange_files_are_refused_with_a_sentence(tmp_path, given, message):
    path = tmp_path / 'model.safetensors'
    path.write_bytes(given)
    with pytest.raises(FormatError, match=rf'^model\.safetensors: .*{message}'):
        read_weights(path)


def test_a_header_with_a_checksum_of_its_own_still_needs_the_right_weights(tmp_path):
    """Whoever mends the checksum of the header alone does not get a model."""
    path = tmp_path / 'model.safetensors'
    entries = {'schema': 'limap.weights', 'schema_version': 2, 'weights_sha256': '0' * 64, **HEADER}
    own = checksum(json.dumps(entries, sort_keys=True).encode())
    metadata = described(HEADER, **{**entries, 'header_sha256': own})
    path.write_bytes(save(TENSORS, metadata=metadata))
    with pytest.raises(FormatError, match='damaged: the weights do not have the checksum'):
        read_weights(path)
    assert read_header(path) == HEADER


def test_a_missing_file_is_named(tmp_path):
    for read in (read_weights, read_header):
        with pytest.raises(FormatError, match=r'model\.safetensors: there is no such file'):
            read(tmp_path / 'model.safetensors')
