;; Two functions that call each other for ever. wazero would double their stack up to
;; 400 MB, copying it each time.
;;! on_request: limit
;;! reason: policies.limits.stack
(module
  (memory (export "memory") 1)
  (func $even (param i32) (result i32) (call $odd (i32.sub (local.get 0) (i32.const 1))))
  (func $odd (param i32) (result i32) (call $even (i32.add (local.get 0) (i32.const 1))))
  (func (export "on_request") (result i32) (call $even (i32.const 1))))
