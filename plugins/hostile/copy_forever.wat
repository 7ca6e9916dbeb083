;; Copies its memory over itself, one byte further, without end.
;;! on_request: fuel
;;! memory: 64MiB
(module
  (memory (export "memory") 32)
  (func (export "on_request") (result i32)
    (loop $again
      (memory.copy (i32.const 1) (i32.const 0) (i32.const 2097151))
      (br $again))
    unreachable))
