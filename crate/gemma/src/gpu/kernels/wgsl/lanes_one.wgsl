// One invocation computes a whole item, without a barrier, which is expensive on CPU adapters.
fn sum_lanes(mine: vec4<f32>, local: u32, first: u32, stride: u32) -> vec4<f32> { return mine; }
fn max_lanes(mine: f32, local: u32, first: u32, stride: u32) -> f32 { return mine; }
