;; Copies its table over itself without end. Table instructions are charged by length.
;;! on_request: fuel
(module
  (memory (export "memory") 1)
  (table 65536 65536 funcref)
  (func (export "on_request") (result i32)
    (loop $again
      (table.copy (i32.const 1) (i32.const 0) (i32.const 65535))
      (br $again))
    unreachable))
