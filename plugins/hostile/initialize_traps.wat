;; An _initialize that divides by zero. The error names the guest's own functions and
;; nothing of the router's stack.
;;! refused: _initialize failed: trap: integer divide by zero in average < _initialize
(module
  (memory (export "memory") 1)
  (func $average (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
  (func $_initialize (export "_initialize") (drop (call $average (i32.const 0))))
  (func (export "on_request") (result i32) (i32.const 0)))
