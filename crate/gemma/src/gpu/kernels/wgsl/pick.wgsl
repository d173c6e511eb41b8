// The likeliest allowed token, the logarithm of Σ exp(logit) over all, and where asked the KEEP largest allowed logits,
// by one workgroup.
// The KEEP largest stand in the KEEP slices with the largest maxima, so two selections among few thousand do.
// Moves the sequence on: the next pass starts behind this one, with the likeliest token.
@group(0) @binding(0) var<storage, read> logits: array<f32>; // [VOCABULARY]
@group(0) @binding(1) var<storage, read> slices: array<vec4<u32>>; // [SLICES]
@group(0) @binding(2) var<storage, read_write> progress: Step;
@group(0) @binding(3) var<storage, read_write> tokens: array<u32>; // [..]
@group(0) @binding(4) var<storage, read_write> result: array<u32>; // [128]: head of 16, KEEP logits, KEEP tokens of 3 bytes
@group(0) @binding(5) var<storage, read> mask: array<u32>; // a bit for each token

const KEEP: u32 = 64u;
const HEAD: u32 = 16u;

var<workgroup> bins: array<atomic<u32>, 256>;
var<workgroup> chosen: array<u32, KEEP>; // slices, then tokens
var<workgroup> picked: array<u32, KEEP>;
var<workgroup> taken: atomic<u32>;
var<workgroup> found: vec3<u32>; // the bin, how many are still wanted, spare
var<workgroup> best: array<vec3<f32>, WORKGROUP>; // the largest allowed logit, Σ exp, the largest logit that is relative to
var<workgroup> best_tokens: array<vec2<u32>, WORKGROUP>; // its token, whether anything was no number

// Larger floats as larger integers.
fn key_of(bits: u32) -> u32 { return bits ^ select(0x80000000u, 0xffffffffu, (bits & 0x80000000u) != 0u); }
fn slice_key(i: u32) -> u32 { return key_of(slices[i].x); }
fn token_of(i: u32) -> u32 { return chosen[i / SLICE] * SLICE + i % SLICE; }
fn logit_key(i: u32) -> u32 {
    let token = token_of(i);
    let within = token < VOCABULARY && token < (chosen[i / SLICE] + 1u) * SLICE;
    return select(0u, key_of(bitcast<u32>(logits[min(token, VOCABULARY - 1u)])), within && is_allowed(token));
}

// After four digits, `found.x` is the key of the last one that is kept.
fn count_digit(key: u32, prefix: u32, shift: u32) {
    // Of the digits above only those that agree count; a shift by 32 is not defined.
    if (shift == 24u || (key >> (shift + 8u)) == prefix) { atomicAdd(&bins[(key >> shift) & 255u], 1u); }
}
fn find_digit(local: u32, prefix: u32, wanted: u32) {
    workgroupBarrier();
    if (local == 0u) {
        var left = wanted;
        var bin = 255u;
        loop {
            let here = atomicLoad(&bins[bin]);
            if (here >= left || bin == 0u) { break; }
            left -= here;
            bin -= 1u;
        }
        found = vec3<u32>((prefix << 8u) | bin, left, 0u);
    }
    workgroupBarrier();
}
fn clear_bins(local: u32) {
    workgroupBarrier();
    for (var i = local; i < 256u; i += WORKGROUP) { atomicStore(&bins[i], 0u); }
    workgroupBarrier();
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(local_invocation_index) local: u32) {
    // The best of this invocation's slices, and Σ exp relative to it.
    var most = NOTHING;
    var token = 0xffffffffu;
    var top = NOTHING;
    var sum = 0.0;
    var wrong = 0u;
    for (var i = local; i < SLICES; i += WORKGROUP) {
        let s = slices[i];
        let l = bitcast<f32>(s.x);
        let its = s.y & ~WRONG;
        wrong |= s.y & WRONG;
        if (l > most || (l == most && its < token)) { token = its; }
        most = max(most, l);
        let relative_to = bitcast<f32>(s.w);
        if (relative_to > top) {
            sum = sum * exp(top - relative_to) + bitcast<f32>(s.z);
            top = relative_to;
        } else {
            sum += bitcast<f32>(s.z) * exp(relative_to - top);
        }
    }
    best[local] = vec3<f32>(most, sum, top);
    best_tokens[local] = vec2<u32>(token, wrong);
    workgroupBarrier();
    if (local == 0u) {
        for (var i = 1u; i < min(WORKGROUP, SLICES); i += 1u) {
            let other = best[i];
            let its = best_tokens[i];
            if (other.x > most || (other.x == most && its.x < token)) { token = its.x; }
            most = max(most, other.x);
            let both = max(top, other.z);
            sum = sum * exp(top - both) + other.y * exp(other.z - both);
            top = both;
            wrong |= its.y;
        }
        result[0] = token;
        result[1] = bitcast<u32>(most);
        result[2] = bitcast<u32>(log(sum));
        result[3] = wrong;
        result[4] = progress.position + progress.tokens;
        result[5] = min(KEEP, VOCABULARY);
        result[6] = bitcast<u32>(top);
        tokens[0] = token;
    }
    workgroupBarrier();
    let position = progress.position + progress.tokens;
    workgroupBarrier();
    if (local == 0u) {
        progress.position = position;
        progress.tokens = 1u;
    }
    if (!KEEP_MANY) { return; }

    // The slices that can hold one of the largest.
    let slices_kept = min(KEEP, SLICES);
    var prefix = 0u;
    var wanted = slices_kept;
    for (var digit = 0u; digit < 4u; digit += 1u) {
        let shift = 24u - 8u * digit;
        clear_bins(local);
        for (var i = local; i < SLICES; i += WORKGROUP) { count_digit(slice_key(i), prefix, shift); }
        find_digit(local, prefix, wanted);
        prefix = found.x;
        wanted = found.y;
    }
    if (local == 0u) { atomicStore(&taken, 0u); }
    workgroupBarrier();
    for (var i = local; i < SLICES; i += WORKGROUP) {
        if (slice_key(i) > prefix) { chosen[atomicAdd(&taken, 1u)] = i; }
    }
    workgroupBarrier();
    // Of equal ones the first, by one invocation, so that the choice is the same every time.
    if (local == 0u) {
        var at = slices_kept - wanted;
        for (var i = 0u; i < SLICES && at < slices_kept; i += 1u) {
            if (slice_key(i) == prefix) {
                chosen[at] = i;
                at += 1u;
            }
        }
    }
    workgroupBarrier();

    // The largest among their logits.
    let candidates = slices_kept * SLICE;
    let kept = min(KEEP, VOCABULARY);
    prefix = 0u;
    wanted = kept;
    for (var digit = 0u; digit < 4u; digit += 1u) {
        let shift = 24u - 8u * digit;
        clear_bins(local);
        for (var i = local; i < candidates; i += WORKGROUP) { count_digit(logit_key(i), prefix, shift); }
        find_digit(local, prefix, wanted);
        prefix = found.x;
        wanted = found.y;
    }
    if (local == 0u) { atomicStore(&taken, 0u); }
    workgroupBarrier();
    for (var i = local; i < candidates; i += WORKGROUP) {
        if (logit_key(i) > prefix) { picked[atomicAdd(&taken, 1u)] = token_of(i); }
    }
    workgroupBarrier();
    if (local == 0u) {
        var at = kept - wanted;
        for (var i = 0u; i < candidates && at < kept; i += 1u) {
            if (logit_key(i) == prefix) {
                picked[at] = token_of(i);
                at += 1u;
            }
        }
        // Tokens fit three bytes: four of them in three words.
        for (var i = 0u; i < KEEP; i += 4u) {
            let a = picked[i];
            let b = picked[i + 1u];
            let c = picked[i + 2u];
            let d = picked[i + 3u];
            let to = HEAD + KEEP + i / 4u * 3u;
            result[to] = a | (b << 24u);
            result[to + 1u] = (b >> 8u) | (c << 16u);
            result[to + 2u] = (c >> 16u) | (d << 8u);
        }
    }
    workgroupBarrier();
    // Where fewer are allowed than kept, the rest is marked by −∞.
    for (var i = local; i < kept; i += WORKGROUP) {
        result[HEAD + i] = select(0xff800000u, bitcast<u32>(logits[min(picked[i], VOCABULARY - 1u)]), is_allowed(picked[i]));
    }
}
