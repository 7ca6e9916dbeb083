;; An _initialize that never ends.
;;! refused: _initialize failed: out of fuel
;;! cpu: 8s
(module
  (memory (export "memory") 1)
  (func (export "_initialize") (loop $again (br $again)))
  (func (export "on_request") (result i32) (i32.const 0)))
