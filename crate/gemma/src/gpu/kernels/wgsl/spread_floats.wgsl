const M_POWERS: vec4<f32> = vec4<f32>(1.0);
