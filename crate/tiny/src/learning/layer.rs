//! Forward pass through one layer.

use std::ops::Range;

use super::kernels::{View, gated, multiply, norm, rotate, softmax};
use super::memory::{Angles, Saved, Sizes, Step, fit};

impl Saved {
    /// Runs `stream` through the layer, and stores the values that the backward pass needs.
    pub(super) fn forward(&mut self, step: Step<'_>, stream: &mut [f32]) {
        let Step { config, sizes, layer, places, .. } = step;
        let Sizes { rows, length, tokens, width, hidden, heads, kv, dim } = sizes;
        let all = sizes.all();
        let w = |range: &Range<usize>| step.part(range);
        let stream = &mut stream[..tokens * width];
        fit(&mut self.x, tokens * width).copy_from_slice(stream);
        let normed = fit(&mut self.normed, tokens * width);
        norm(stream, w(&places.attn_norm), normed, fit(&mut self.inverse, tokens));
        let qkv = fit(&mut self.qkv, tokens * all);
        let matrix = View::rows(w(&places.qkv), width).turned();
        multiply(qkv, all, [tokens, all, width], false, 1.0, View::rows(normed, width), matrix);
        // Normalised and rotated queries and keys, by head: \[tokens, heads, dim\].
        let angles = Angles::new(layer, length);
        let query = fit(&mut self.query, tokens * heads * dim);
        let key = fit(&mut self.key, tokens * kv * dim);
        let query_inverse = fit(&mut self.query_inverse, tokens * heads);
        let key_inverse = fit(&mut self.key_inverse, tokens * kv);
        for token in 0..tokens {
            let from = &qkv[token * all..];
            let (cos, sin) = angles.at(token % length, dim / 2);
            let to = &mut query[token * heads * dim..][..heads * dim];
            norm(
                &from[..heads * dim],
                w(&places.query_norm),
                to,
                &mut query_inverse[token * heads..][..heads],
            );
            to.chunks_exact_mut(dim).for_each(|head| rotate(head, cos, sin, 1.0));
            let to = &mut key[token * kv * dim..][..kv * dim];
            let from = &from[heads * dim..][..kv * dim];
            norm(from, w(&places.key_norm), to, &mut key_inverse[token * kv..][..kv]);
            to.chunks_exact_mut(dim).for_each(|head| rotate(head, cos, sin, 1.0));
        }
        let window = layer.window.unwrap_or(usize::MAX);
        let shares = fit(&mut self.weights, rows * heads * length * length);
        let mixed = fit(&mut self.mixed, tokens * heads * dim);
        for row in 0..rows {
            for head in 0..heads {
                let kv_head = head * kv / heads;
                let scores =
                    &mut shares[(row * heads + head) * length * length..][..length * length];
                let q = View::rows(&query[(row * length * heads + head) * dim..], heads * dim);
                let k = View::rows(&key[(row * length * kv + kv_head) * dim..], kv * dim);
                multiply(
                    scores,
                    length,
                    [length, length, dim],
                    false,
                    config.query_scale,
                    q,
                    k.turned(),
                );
                softmax(scores, length, window);
                let v = View::rows(&qkv[row * length * all + (heads + kv + kv_head) * dim..], all);
                let out = &mut mixed[(row * length * heads + head) * dim..];
                multiply(
                    out,
                    heads * dim,
                    [length, dim, length],
                    false,
                    1.0,
                    View::rows(scores, length),
                    v,
                );
            }
        }
        let attended = fit(&mut self.attended, tokens * width);
        let matrix = View::rows(w(&places.output), heads * dim).turned();
        multiply(
            attended,
            width,
            [tokens, width, heads * dim],
            false,
            1.0,
            View::rows(mixed, heads * dim),
            matrix,
        );
        let middle = fit(&mut self.middle, tokens * width);
        norm(
            attended,
            w(&places.post_attention_norm),
            middle,
            fit(&mut self.attended_inverse, tokens),
        );
        for (middle, x) in middle.iter_mut().zip(stream.iter()) {
            *middle += x;
        }
        let normed = fit(&mut self.middle_normed, tokens * width);
        norm(middle, w(&places.ffn_norm), normed, fit(&mut self.middle_inverse, tokens));
        let both = fit(&mut self.gate_up, tokens * 2 * hidden);
        let matrix = View::rows(w(&places.gate_up), width).turned();
        multiply(
            both,
            2 * hidden,
            [tokens, 2 * hidden, width],
            false,
            1.0,
            View::rows(normed, width),
            matrix,
        );
        let inner = fit(&mut self.inner, tokens * hidden);
        gated(both, hidden, inner);
        let fed = fit(&mut self.fed, tokens * width);
        let matrix = View::rows(w(&places.down), hidden).turned();
        multiply(
            fed,
            width,
            [tokens, width, hidden],
            false,
            1.0,
            View::rows(inner, hidden),
            matrix,
        );
        norm(fed, w(&places.post_ffw_norm), stream, fit(&mut self.fed_inverse, tokens));
        for (x, middle) in stream.iter_mut().zip(middle.iter()) {
            *x += middle;
        }
    }
}
