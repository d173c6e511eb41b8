//! Assembles WGSL from constants, shared functions, and the kernel.
//!
//! Sizes are constants, so that loops have known bounds. A function that is needed once for each
//! matrix has the prefix `M_`, which becomes `m0_`, `m1_`, ….

use std::fmt::Write as _;

use crate::gpu::kernels::intake::{BLOCK, SPANS};
use crate::gpu::kernels::planes::{Codes, Format, Scales, units_of};
use crate::gpu::kernels::profile::Profile;
use crate::quant::Rounding;

/// The access to a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
    Uniform,
}

/// The text of a kernel and its bindings.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) label: &'static str,
    pub(crate) text: String,
    pub(crate) accesses: Vec<Access>,
    /// Invocations of a workgroup.
    pub(crate) workgroup: u32,
    pub(crate) profile: Profile,
}

impl Source {
    /// Creates a text without a profile.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn plain(label: &'static str, text: String, accesses: Vec<Access>) -> Self {
        Self { label, text, accesses, workgroup: 1, profile: Profile::default() }
    }
}

/// The distribution of work over invocations, chosen by the kind of adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Invocations of a workgroup.
    pub(crate) workgroup: u32,
    /// The number of invocations that share an item; 1 needs no barrier.
    pub(crate) lanes: u32,
}

impl Shape {
    /// The number of items per workgroup.
    pub(crate) fn items(self) -> u32 {
        self.workgroup / self.lanes
    }

    /// Returns the iterations of a loop over `parts` that an item's lanes share.
    pub(crate) fn turns(self, parts: u32) -> u32 {
        parts.div_ceil(self.lanes)
    }

    /// Returns the number of steps in which an item's lanes are summed through workgroup memory.
    pub(crate) fn summing(self) -> u32 {
        if self.lanes > 8 { self.lanes.next_power_of_two().ilog2() } else { self.lanes - 1 }
    }
}

/// Features that a kernel needs beyond core WGSL.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Beyond {
    /// Shuffles to sum over lanes.
    pub(crate) subgroups: bool,
    /// Half floats.
    pub(crate) halves: bool,
}

/// Two half floats of a word. Natively bits cannot be cast to them.
const HALVES: &str = if cfg!(target_family = "wasm") {
    "fn halves(word: u32) -> vec2<f16> { return bitcast<vec2<f16>>(word); }\n"
} else {
    "fn halves(word: u32) -> vec2<f16> { return vec2<f16>(unpack2x16float(word)); }\n"
};

/// A matrix, as seen by a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MatrixShape {
    pub(crate) format: Format,
    pub(crate) rows: u32,
    pub(crate) columns: u32,
}

impl MatrixShape {
    pub(crate) fn units(self) -> usize {
        units_of(self.columns as usize)
    }

    /// Returns the bytes of both planes for this number of rows.
    pub(crate) fn bytes_of(self, rows: u32) -> u64 {
        let units = self.units() * rows as usize;
        (self.format.code_bytes(units) + self.format.scale_bytes(units)) as u64
    }
}

/// A kernel under construction.
pub(crate) struct Builder {
    label: &'static str,
    text: String,
    accesses: Vec<Access>,
    matrices: usize,
    workgroup: u32,
    beyond: Beyond,
    profile: Profile,
}

impl Builder {
    /// Starts a kernel with the workgroup and its lanes.
    pub(crate) fn new(label: &'static str, shape: Shape) -> Self {
        Self::with(label, shape, Beyond::default())
    }

    /// The same with features that some adapters lack.
    pub(crate) fn with(label: &'static str, shape: Shape, beyond: Beyond) -> Self {
        let mut builder = Self {
            label,
            text: String::new(),
            accesses: Vec::new(),
            matrices: 0,
            workgroup: shape.workgroup,
            beyond,
            profile: Profile::default(),
        };
        // The native compiler neither knows nor needs the directive.
        if beyond.subgroups && cfg!(target_family = "wasm") {
            builder.piece("enable subgroups;\n");
        }
        if beyond.halves {
            builder.piece("enable f16;\n");
        }
        builder.number("WORKGROUP", shape.workgroup).number("LANES", shape.lanes);
        builder.piece(include_str!("wgsl/step.wgsl")).piece(if beyond.subgroups {
            include_str!("wgsl/lanes_subgroups.wgsl")
        } else if shape.lanes == 1 {
            include_str!("wgsl/lanes_one.wgsl")
        } else {
            include_str!("wgsl/lanes_many.wgsl")
        });
        builder
    }

    pub(crate) fn number(&mut self, name: &str, value: u32) -> &mut Self {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "const {name}: u32 = {value}u;");
        self
    }

    pub(crate) fn float(&mut self, name: &str, value: f32) -> &mut Self {
        // By its bits, because decimal text would be rounded a second time.
        let _ = writeln!(self.text, "const {name}: f32 = {};", literal(value));
        self
    }

    pub(crate) fn flag(&mut self, name: &str, value: bool) -> &mut Self {
        let _ = writeln!(self.text, "const {name}: bool = {value};");
        self
    }

    pub(crate) fn piece(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// The form of vectors for the product that reads them.
    pub(crate) fn output_rounding(&mut self, rounding: Option<Rounding>) -> &mut Self {
        self.piece(match rounding {
            None => include_str!("wgsl/output_exact.wgsl"),
            Some(Rounding::Halves) => include_str!("wgsl/output_halves.wgsl"),
            Some(Rounding::Bytes) => include_str!("wgsl/output_bytes.wgsl"),
        })
    }

    /// A product's vector in this form.
    pub(crate) fn input(&mut self, rounding: Option<Rounding>) -> &mut Self {
        match rounding {
            None => self.piece(include_str!("wgsl/input.wgsl")),
            Some(Rounding::Halves) => {
                self.piece(include_str!("wgsl/input_halves.wgsl")).piece(HALVES)
            }
            Some(Rounding::Bytes) => self.piece(include_str!("wgsl/input_bytes.wgsl")),
        }
    }

    /// Declares the next binding, a storage buffer with this name and type.
    pub(crate) fn bound(&mut self, access: Access, what: &str) -> &mut Self {
        let (at, mode) = (
            self.accesses.len(),
            match access {
                Access::Write => "read_write",
                Access::Read | Access::Uniform => "read",
            },
        );
        self.accesses.push(access);
        self.piece(&format!("@group(0) @binding({at}) var<storage, {mode}> {what};\n"))
    }

    /// Sums over a whole workgroup.
    pub(crate) fn summing_all(&mut self) -> &mut Self {
        if self.beyond.subgroups {
            self.piece("var<workgroup> shared_lanes: array<vec4<f32>, WORKGROUP>;\n");
        }
        self.piece(include_str!("wgsl/sum_all.wgsl"))
    }

    /// Declares which keys a token sees, and how they are split into spans.
    pub(crate) fn spans(&mut self) -> &mut Self {
        self.number("SPANS", SPANS)
            .number("BLOCK", BLOCK)
            .piece(include_str!("wgsl/span_causal.wgsl"))
            .piece(include_str!("wgsl/spans.wgsl"))
    }

    pub(crate) fn bindings(&mut self, accesses: &[Access]) -> &mut Self {
        self.accesses.extend(accesses);
        self
    }

    /// Declares the planes of the next matrix and how to unpack them. Call after all other
    /// bindings.
    pub(crate) fn matrix(&mut self, shape: MatrixShape) -> &mut Self {
        let prefix = format!("m{}_", self.matrices);
        self.matrices += 1;
        let Format { codes, scales } = shape.format;
        let high = shape.format.high_bytes(shape.units() * shape.rows as usize);
        let mut at = self.accesses.len();
        let _ = writeln!(
            self.text,
            "@group(0) @binding({at}) var<storage, read> {prefix}codes: array<vec4<u32>>;"
        );
        self.accesses.push(Access::Read);
        if scales != Scales::None {
            at += 1;
            let _ = writeln!(
                self.text,
                "@group(0) @binding({at}) var<storage, read> {prefix}scales: array<u32>;"
            );
            self.accesses.push(Access::Read);
            // In words, after the high bits of all codes.
            let _ = writeln!(self.text, "const {prefix}SCALES_AT: u32 = {}u;", high / 4);
        }
        let _ = writeln!(self.text, "const {prefix}ROWS: u32 = {}u;", shape.rows);
        let _ = writeln!(self.text, "const {prefix}UNITS: u32 = {}u;", shape.units());
        let _ = writeln!(self.text, "const {prefix}ZERO: f32 = {}.0;", shape.format.zero());
        if self.matrices == 1 {
            self.piece(include_str!("wgsl/unit.wgsl"));
        }
        for text in codes_texts(codes) {
            self.prefixed(&prefix, text);
        }
        self.prefixed(&prefix, scales_text(scales))
    }

    /// Adds a function for the matrix declared last.
    pub(crate) fn for_matrix(&mut self, text: &str) -> &mut Self {
        let prefix = format!("m{}_", self.matrices.saturating_sub(1));
        self.prefixed(&prefix, text)
    }

    fn prefixed(&mut self, prefix: &str, text: &str) -> &mut Self {
        self.text.push_str(&text.replace("M_", prefix));
        self
    }

    /// Sets the kernel's profile.
    pub(crate) fn profile(&mut self, profile: Profile) -> &mut Self {
        self.profile = profile;
        self
    }

    pub(crate) fn build(self) -> Source {
        let Self { label, text, accesses, workgroup, profile, .. } = self;
        Source { label, text, accesses, workgroup, profile }
    }
}

/// Returns how codes are stored and converted to floats.
fn codes_texts(codes: Codes) -> Vec<&'static str> {
    const WHOLE: &str = include_str!("wgsl/codes_whole.wgsl");
    const SMALL: &str = include_str!("wgsl/spread_small.wgsl");
    const FLOATS: &str = include_str!("wgsl/spread_floats.wgsl");
    match codes {
        Codes::Nibbles => vec![include_str!("wgsl/codes_nibbles.wgsl"), SMALL, WHOLE],
        Codes::Fives => vec![include_str!("wgsl/codes_fives.wgsl"), SMALL, WHOLE],
        Codes::Sixes => vec![include_str!("wgsl/codes_sixes.wgsl"), SMALL, WHOLE],
        Codes::Bytes => vec![
            include_str!("wgsl/codes_bytes.wgsl"),
            include_str!("wgsl/spread_bytes.wgsl"),
            WHOLE,
        ],
        Codes::F16 => vec![include_str!("wgsl/codes_f16.wgsl"), FLOATS],
        Codes::Bf16 => vec![include_str!("wgsl/codes_bf16.wgsl"), FLOATS],
        Codes::F32 => vec![include_str!("wgsl/codes_f32.wgsl"), FLOATS],
    }
}

fn scales_text(scales: Scales) -> &'static str {
    match scales {
        Scales::None => include_str!("wgsl/scales_none.wgsl"),
        Scales::Half(_) => include_str!("wgsl/scales_half.wgsl"),
        Scales::Pair => include_str!("wgsl/scales_pair.wgsl"),
        Scales::K => include_str!("wgsl/scales_k.wgsl"),
        Scales::Six => include_str!("wgsl/scales_six.wgsl"),
    }
}

/// Formats a number so that WGSL parses the same bits.
fn literal(value: f32) -> String {
    // Rust prints the shortest decimal that parses exactly; WGSL requires a point or an exponent.
    format!("{value:e}f")
}

#[cfg(test)]
mod tests {
    use super::literal;

    #[test]
    fn numbers_parse_exactly() {
        for value in [1.0_f32, 1e-6, 25.298_221, 0.088_388_35, 3.0e38] {
            let text = literal(value);
            assert_eq!(text.trim_end_matches('f').parse::<f32>().unwrap(), value, "{text}");
        }
    }
}
