;; A function that calls itself through the table, as a compiler cannot see.
;;! on_request: limit
;;! reason: policies.limits.stack
(module
  (type $t (func (result i32)))
  (memory (export "memory") 1)
  (table 1 1 funcref)
  (elem (i32.const 0) $self)
  (func $self (type $t) (i32.add (call_indirect (type $t) (i32.const 0)) (i32.const 1)))
  (func (export "on_request") (result i32) (call $self)))
