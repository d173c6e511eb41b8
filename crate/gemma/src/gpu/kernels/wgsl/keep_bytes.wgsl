fn keep(pair: u32, a: vec4<f32>, b: vec4<f32>) { input[pair] = vec4<u32>(rounded(a), rounded(b)); }
