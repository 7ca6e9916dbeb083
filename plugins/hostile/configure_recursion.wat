;; Calls itself for ever while an instance is made, for which there is forty times
;; the fuel of a hook.
;;! refused: policies.limits.stack
(module
  (memory (export "memory") 1)
  (func $self (result i32) (i32.add (call $self) (i32.const 1)))
  (func (export "configure") (result i32) (call $self))
  (func (export "on_request") (result i32) (i32.const 0)))
