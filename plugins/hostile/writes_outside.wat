;; Writes behind its memory, after it set the model: nothing of the call remains.
;;! on_request: trap
;;! reason: out of bounds memory access
(module
  (import "router_v1" "model_set" (func $model_set (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "stolen")
  (func (export "on_request") (result i32)
    (drop (call $model_set (i32.const 0) (i32.const 6)))
    (i64.store (i32.const 65529) (i64.const -1))
    (i32.const 0)))
