//! Backward pass through one layer.

use std::ops::Range;

use super::kernels::{View, gated_back, multiply, norm_back, rotate, softmax_back};
use super::memory::{Angles, Saved, Sizes, Step, fit, zeroed};

impl Saved {
    /// `dx` holds the gradients of the layer's output, and is replaced by those of its input.
    pub(super) fn backward(
        &mut self,
        step: Step<'_>,
        dx: &mut [f32],
        gradients: &mut [f32],
        d: &mut [Vec<f32>; 6],
    ) {
        let Step { config, sizes, layer, places, .. } = step;
        let Sizes { rows, length, tokens, width, hidden, heads, kv, dim } = sizes;
        let all = sizes.all();
        let w = |range: &Range<usize>| step.part(range);
        let [d0, d1, d2, d3, d4, d5] = d;
        // fed → inner → gate and up → middle
        let dfed = zeroed(d0, tokens * width);
        let g = &mut gradients[places.post_ffw_norm.clone()];
        norm_back(dx, &self.fed, w(&places.post_ffw_norm), &self.fed_inverse, dfed, g);
        let owed = View::rows(dfed, width);
        let g = &mut gradients[places.down.clone()];
        multiply(
            g,
            hidden,
            [width, hidden, tokens],
            false,
            1.0,
            owed.turned(),
            View::rows(&self.inner, hidden),
        );
        let dinner = fit(d1, tokens * hidden);
        multiply(
            dinner,
            hidden,
            [tokens, hidden, width],
            false,
            1.0,
            owed,
            View::rows(w(&places.down), hidden),
        );
        let both = &mut self.gate_up[..tokens * 2 * hidden];
        gated_back(dinner, hidden, both);
        let owed = View::rows(both, 2 * hidden);
        let g = &mut gradients[places.gate_up.clone()];
        multiply(
            g,
            width,
            [2 * hidden, width, tokens],
            false,
            1.0,
            owed.turned(),
            View::rows(&self.middle_normed, width),
        );
        let dnormed = fit(d0, tokens * width);
        multiply(
            dnormed,
            width,
            [tokens, width, 2 * hidden],
            false,
            1.0,
            owed,
            View::rows(w(&places.gate_up), width),
        );
        let g = &mut gradients[places.ffn_norm.clone()];
        norm_back(dnormed, &self.middle, w(&places.ffn_norm), &self.middle_inverse, dx, g);
        // attended → mixed → shares and values → queries and keys
        let dattended = zeroed(d0, tokens * width);
        let g = &mut gradients[places.post_attention_norm.clone()];
        norm_back(
            dx,
            &self.attended,
            w(&places.post_attention_norm),
            &self.attended_inverse,
            dattended,
            g,
        );
        let owed = View::rows(dattended, width);
        let g = &mut gradients[places.output.clone()];
        multiply(
            g,
            heads * dim,
            [width, heads * dim, tokens],
            false,
            1.0,
            owed.turned(),
            View::rows(&self.mixed, heads * dim),
        );
        let dmixed = fit(d1, tokens * heads * dim);
        multiply(
            dmixed,
            heads * dim,
            [tokens, heads * dim, width],
            false,
            1.0,
            owed,
            View::rows(w(&places.output), heads * dim),
        );
        let dqkv = zeroed(d2, tokens * all);
        let dquery = fit(d3, tokens * heads * dim);
        let dkey = zeroed(d4, tokens * kv * dim);
        let dscores = fit(d5, length * length);
        for row in 0..rows {
            for head in 0..heads {
                let kv_head = head * kv / heads;
                let shares =
                    &self.weights[(row * heads + head) * length * length..][..length * length];
                let owed = View::rows(&dmixed[(row * length * heads + head) * dim..], heads * dim);
                let at = row * length * all + (heads + kv + kv_head) * dim;
                let v = View::rows(&self.qkv[at..], all);
                multiply(dscores, length, [length, length, dim], false, 1.0, owed, v.turned());
                multiply(
                    &mut dqkv[at..],
                    all,
                    [length, dim, length],
                    true,
                    1.0,
                    View::rows(shares, length).turned(),
                    owed,
                );
                softmax_back(dscores, shares, length);
                let (at_query, at_key) =
                    ((row * length * heads + head) * dim, (row * length * kv + kv_head) * dim);
                let q = View::rows(&self.query[at_query..], heads * dim);
                let k = View::rows(&self.key[at_key..], kv * dim);
                let scores = View::rows(dscores, length);
                multiply(
                    &mut dquery[at_query..],
                    heads * dim,
                    [length, dim, length],
                    false,
                    config.query_scale,
                    scores,
                    k,
                );
                multiply(
                    &mut dkey[at_key..],
                    kv * dim,
                    [length, dim, length],
                    true,
                    config.query_scale,
                    scores.turned(),
                    q,
                );
            }
        }
        let angles = Angles::new(layer, length);
        let [gq, gk] = gradients
            .get_disjoint_mut([places.query_norm.clone(), places.key_norm.clone()])
            .unwrap_or_else(|_| unreachable!("two parts of one layout"));
        for token in 0..tokens {
            let (cos, sin) = angles.at(token % length, dim / 2);
            let owed = &mut dquery[token * heads * dim..][..heads * dim];
            owed.chunks_exact_mut(dim).for_each(|head| rotate(head, cos, sin, -1.0));
            let x = &self.qkv[token * all..][..all];
            let to = &mut dqkv[token * all..][..all];
            let inverse = &self.query_inverse[token * heads..][..heads];
            norm_back(
                owed,
                &x[..heads * dim],
                w(&places.query_norm),
                inverse,
                &mut to[..heads * dim],
                gq,
            );
            let owed = &mut dkey[token * kv * dim..][..kv * dim];
            owed.chunks_exact_mut(dim).for_each(|head| rotate(head, cos, sin, -1.0));
            let range = heads * dim..(heads + kv) * dim;
            let inverse = &self.key_inverse[token * kv..][..kv];
            norm_back(owed, &x[range.clone()], w(&places.key_norm), inverse, &mut to[range], gk);
        }
        let owed = View::rows(dqkv, all);
        let g = &mut gradients[places.qkv.clone()];
        multiply(
            g,
            width,
            [all, width, tokens],
            false,
            1.0,
            owed.turned(),
            View::rows(&self.normed, width),
        );
        let dnormed = fit(d0, tokens * width);
        multiply(
            dnormed,
            width,
            [tokens, width, all],
            false,
            1.0,
            owed,
            View::rows(w(&places.qkv), width),
        );
        let g = &mut gradients[places.attn_norm.clone()];
        norm_back(dnormed, &self.x, w(&places.attn_norm), &self.inverse, dx, g);
    }
}
