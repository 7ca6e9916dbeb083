;; Keeps more vars, and larger ones, than an exchange may carry. Those over the limits
;; are refused, or it traps.
;;! on_request: ok
(module
  (import "router_v1" "var_set" (func $set (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "log.a0")
  (func (export "on_request") (result i32)
    (local $i i32)
    (if (i32.ge_s (call $set (i32.const 0) (i32.const 6) (i32.const 1024) (i32.const 4097)) (i32.const 0))
      (then unreachable))
    (loop $again
      (i32.store8 (i32.const 4) (i32.add (i32.const 97) (i32.and (local.get $i) (i32.const 15))))
      (i32.store8 (i32.const 5) (i32.add (i32.const 97) (i32.shr_u (local.get $i) (i32.const 4))))
      (if (i32.ne
            (i32.lt_s (call $set (i32.const 0) (i32.const 6) (i32.const 1024) (i32.const 4096)) (i32.const 0))
            (i32.ge_u (local.get $i) (i32.const 32)))
        (then unreachable))
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 200))))
    (i32.const 0)))
