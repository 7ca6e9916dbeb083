;; Starts with all the memory there can be.
;;! refused: it starts with 4294967296 bytes of memory, the limit is 33554432 (policies.limits.memory)
(module
  (memory (export "memory") 65536)
  (func (export "on_request") (result i32) (i32.const 0)))
