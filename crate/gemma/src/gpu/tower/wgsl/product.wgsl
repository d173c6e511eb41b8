// c[batch, row, column] = clamp(Σ_k clamp(a[batch, row, k]) · b[batch, column, k] + bias[column]), each with any
// strides. A workgroup computes 64 × 64 values of c, an invocation 4 × 4 of them; 16 k at a time are shared.
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>; // [columns], or nothing
@group(0) @binding(3) var<storage, read_write> c: array<f32>;
@group(0) @binding(4) var<storage, read> sizes: array<u32>; // rows, columns, inner; of a, b, c first value and strides; four limits; whether there is a bias

var<workgroup> left: array<vec4<f32>, 256>; // [16 k, 16 · 4 rows]
var<workgroup> right: array<vec4<f32>, 256>; // [16 k, 16 · 4 columns]

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let rows = sizes[0];
    let columns = sizes[1];
    let inner = sizes[2];
    let a_start = sizes[3] + group.z * sizes[4];
    let a_row = sizes[5];
    let a_k = sizes[6];
    let b_start = sizes[7] + group.z * sizes[8];
    let b_column = sizes[9];
    let b_k = sizes[10];
    let lowest = bitcast<f32>(sizes[14]);
    let highest = bitcast<f32>(sizes[15]);
    let major = lane / 16u;
    let minor = lane % 16u;
    // Adjacent invocations read adjacent values, whichever dimension is contiguous.
    let left_k = select(major, minor, a_k == 1u);
    let left_quad = select(minor, major, a_k == 1u);
    let right_k = select(major, minor, b_k == 1u);
    let right_quad = select(minor, major, b_k == 1u);
    let of_quad = vec4<u32>(0u, 1u, 2u, 3u);
    let from_a = a_start + a_row * min(vec4<u32>(group.y * 64u + left_quad * 4u) + of_quad, vec4<u32>(rows - 1u));
    let from_b = b_start + b_column * min(vec4<u32>(group.x * 64u + right_quad * 4u) + of_quad, vec4<u32>(columns - 1u));
    var sums: array<vec4<f32>, 4>;
    for (var i = 0u; i < 4u; i += 1u) { sums[i] = vec4<f32>(); }
    for (var first = 0u; first < inner; first += 16u) {
        workgroupBarrier();
        let at_a = from_a + a_k * min(first + left_k, inner - 1u);
        let x = clamp(vec4<f32>(a[at_a.x], a[at_a.y], a[at_a.z], a[at_a.w]), vec4<f32>(lowest), vec4<f32>(highest));
        left[left_k * 16u + left_quad] = select(vec4<f32>(), x, first + left_k < inner);
        let at_b = from_b + b_k * min(first + right_k, inner - 1u);
        let y = vec4<f32>(b[at_b.x], b[at_b.y], b[at_b.z], b[at_b.w]);
        right[right_k * 16u + right_quad] = select(vec4<f32>(), y, first + right_k < inner);
        workgroupBarrier();
        for (var k = 0u; k < 16u; k += 1u) {
            let l = left[k * 16u + major];
            let r = right[k * 16u + minor];
            sums[0] += l.x * r;
            sums[1] += l.y * r;
            sums[2] += l.z * r;
            sums[3] += l.w * r;
        }
    }
    let least = bitcast<f32>(sizes[16]);
    let most = bitcast<f32>(sizes[17]);
    let has_bias = sizes[18] != 0u;
    for (var i = 0u; i < 4u; i += 1u) {
        let row = group.y * 64u + major * 4u + i;
        for (var j = 0u; j < 4u; j += 1u) {
            let column = group.x * 64u + minor * 4u + j;
            if (row < rows && column < columns) {
                var value = sums[i][j];
                if (has_bias) { value += bias[column]; }
                c[sizes[11] + group.z * sizes[12] + row * sizes[13] + column] = clamp(value, least, most);
            }
        }
    }
}
