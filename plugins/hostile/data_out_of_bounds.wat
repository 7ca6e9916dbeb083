;; Data that lies outside the memory: instantiation fails, and nothing is left of it.
;;! refused: it cannot be instantiated
(module
  (memory (export "memory") 1)
  (data (i32.const 65535) "ab")
  (func (export "on_request") (result i32) (i32.const 0)))
