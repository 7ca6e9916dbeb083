;; A table of 2^27 entries, a gigabyte of pointers.
;;! refused: table too large
(module
  (memory (export "memory") 1)
  (table 134217728 funcref)
  (func (export "on_request") (result i32) (i32.const 0)))
