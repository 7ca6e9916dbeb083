;; Fills all of its memory again and again: one instruction, two megabytes of work.
;; Bulk instructions are charged by length.
;;! on_request: fuel
;;! memory: 64MiB
(module
  (memory (export "memory") 32)
  (func (export "on_request") (result i32)
    (loop $again
      (memory.fill (i32.const 0) (i32.const 170) (i32.const 2097152))
      (br $again))
    unreachable))
