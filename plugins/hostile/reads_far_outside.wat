;; Reads where address and offset are each within 32 bits and their sum is not.
;;! on_request: trap
(module
  (memory (export "memory") 1)
  (func (export "on_request") (result i32)
    (i32.load offset=0xffffffff (i32.const -1))))
