;; Reads 64 bytes a turn and keeps 16 of them: how fast one thread of wasm takes bytes out of memory.
(module
  (memory (export "memory") 4096)
  (func (export "read") (param $end i32) (result i32)
    (local $at i32) (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (loop $next
      (local.set $a (v128.or (local.get $a) (v128.load (local.get $at))))
      (local.set $b (v128.or (local.get $b) (v128.load offset=16 (local.get $at))))
      (local.set $c (v128.or (local.get $c) (v128.load offset=32 (local.get $at))))
      (local.set $d (v128.or (local.get $d) (v128.load offset=48 (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 64)))
      (br_if $next (i32.lt_u (local.get $at) (local.get $end))))
    (i32x4.extract_lane 0 (v128.or (v128.or (local.get $a) (local.get $b)) (v128.or (local.get $c) (local.get $d))))))
