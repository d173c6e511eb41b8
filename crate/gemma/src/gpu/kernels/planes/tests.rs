use super::{Codes, Format, Packed, Scales, UNIT, pack, units_of};
use crate::quant::{Encoding, encode::encode};
use crate::testing::SyntheticShape;

fn packed(encoding: Encoding, columns: usize, bytes: &[u8]) -> Packed {
    let mut packed = Packed::default();
    pack(encoding, columns, bytes, &mut packed).unwrap();
    packed
}

/// The kernels' formula, in Rust: (code − zero) · scale + offset.
fn unpack(format: Format, packed: &Packed, index: usize) -> f32 {
    let Packed { codes, high, scales } = packed;
    let half = |at: usize| half::f16::from_le_bytes([scales[at], scales[at + 1]]).to_f32();
    let float = |at: usize| f32::from_le_bytes(std::array::from_fn(|i| scales[at + i]));
    let unit = index / UNIT;
    let (scale, offset) = match format.scales {
        Scales::None => (1.0, 0.0),
        Scales::Half(_) => (half(2 * unit), 0.0),
        Scales::Pair => (half(4 * unit), half(4 * unit + 2)),
        Scales::K => {
            let at = 20 * (unit / 8);
            let bytes = at + 4 + 2 * (unit % 8);
            let (scale, minimum) = (f32::from(scales[bytes]), f32::from(scales[bytes + 1]));
            (half(at) * scale, -half(at + 2) * minimum)
        }
        Scales::Six => {
            let at = 20 * (unit / 8);
            let byte = at + 4 + 2 * (unit % 8) + index % UNIT / 16;
            (float(at) * f32::from(scales[byte].cast_signed()), 0.0)
        }
    };
    // Byte b of quad q.
    let (q, b) = (index % UNIT / 4, index % 4);
    let low = || (codes[16 * unit + 4 * (q / 2) + b] >> (4 * (q % 2))) & 15;
    let code = match format.codes {
        Codes::Nibbles => f32::from(low()),
        Codes::Fives => f32::from(low() | (((high[4 * unit + b] >> q) & 1) << 4)),
        Codes::Sixes => {
            let top = (high[8 * unit + 4 * (q / 4) + b] >> (2 * (q % 4))) & 3;
            f32::from(low() | (top << 4))
        }
        Codes::Bytes => f32::from(codes[index]),
        Codes::F16 => half::f16::from_le_bytes([codes[2 * index], codes[2 * index + 1]]).to_f32(),
        Codes::Bf16 => half::bf16::from_le_bytes([codes[2 * index], codes[2 * index + 1]]).to_f32(),
        Codes::F32 => f32::from_le_bytes(std::array::from_fn(|i| codes[4 * index + i])),
    };
    (code - f32::from(format.zero())) * scale + offset
}

#[test]
fn repacking_is_exact() {
    let columns = 512;
    let values: Vec<f32> =
        (0..3 * columns).map(|i| ((i * 7919 % 1009) as f32 - 400.0) / 911.0).collect();
    for encoding in Encoding::ALL {
        let bytes = encode(encoding, &values);
        let mut expected = vec![0.0; values.len()];
        encoding.decode(&bytes, &mut expected);
        let packed = packed(encoding, columns, &bytes);
        let format = Format::of(encoding);
        let units = units_of(columns) * 3;
        assert_eq!(packed.codes.len(), format.code_bytes(units), "{}", encoding.name());
        assert_eq!(packed.high.len(), format.high_bytes(units), "{}", encoding.name());
        let side = packed.high.len() + packed.scales.len();
        assert_eq!(side, format.scale_bytes(units), "{}", encoding.name());
        for (index, value) in expected.iter().enumerate() {
            let found = unpack(format, &packed, index);
            // An offset is added to a product, with one rounding more or less.
            let tolerance = value.abs().max(1.0) * 2.0 * f32::EPSILON;
            assert!(
                (found - value).abs() <= tolerance,
                "{} {index}: {found} {value}",
                encoding.name()
            );
        }
    }
}

#[test]
fn no_encoding_grows_by_a_twentieth() {
    for encoding in Encoding::ALL {
        let (mut tensors, mut more) = (0, 0.0_f64);
        for (name, columns, rows, _) in SyntheticShape::SMALL.tensors() {
            // Rows of superblocks must contain whole ones.
            if columns % encoding.block_values() != 0 || rows == 1 {
                continue;
            }
            let (format, units) = (Format::of(encoding), units_of(columns) * rows);
            let taken = format.code_bytes(units) + format.scale_bytes(units);
            let file = encoding.bytes_of(columns) * rows;
            assert!(taken >= file, "{} {name}: {taken} of {file}", encoding.name());
            more = more.max(taken as f64 / file as f64 - 1.0);
            tensors += 1;
        }
        assert!(tensors > 0 && more < 0.05, "{}: {more} in {tensors}", encoding.name());
    }
}

#[test]
fn short_rows_of_floats_are_padded() {
    let bytes: Vec<u8> = [1.0_f32, 2.0, 3.0, 4.0].iter().flat_map(|it| it.to_le_bytes()).collect();
    let Packed { codes, .. } = packed(Encoding::F32, 2, &bytes);
    assert_eq!(codes.len(), 2 * 128);
    assert_eq!(codes[128..132], 3.0_f32.to_le_bytes());
}

#[test]
fn a_non_finite_scale_is_rejected() {
    let mut block = encode(Encoding::Q8_0, &[1.0; 32]);
    block[0..2].copy_from_slice(&half::f16::NAN.to_le_bytes());
    let error = pack(Encoding::Q8_0, 32, &block, &mut Packed::default()).unwrap_err();
    assert_eq!(error.code.as_deref(), Some("NUMERIC"));
}
