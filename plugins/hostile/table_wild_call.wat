;; Calls what is not there, what is null and what has another type.
;;! on_request: trap
(module
  (import "router_v1" "random" (func $random (result i64)))
  (type $t (func (result i32)))
  (memory (export "memory") 1)
  (table 3 3 funcref)
  (elem (i32.const 0) $other)
  (func $other (param i64))
  (func (export "on_request") (result i32)
    (call_indirect (type $t)
      (i32.mul (i32.wrap_i64 (i64.rem_u (call $random) (i64.const 5))) (i32.const 0x20000001)))))
