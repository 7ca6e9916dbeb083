;; Grows its table for ever, which no limit on memory sees.
;;! refused: reference types are not accepted
(module
  (memory (export "memory") 1)
  (table 1 funcref)
  (func (export "on_request") (result i32)
    (loop $again
      (drop (table.grow 0 (ref.null func) (i32.const 1000000)))
      (br $again))
    unreachable))
