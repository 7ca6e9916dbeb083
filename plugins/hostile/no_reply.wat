;; Says that it has replied, and has not.
;;! on_request: result
;;! reason: without a reply
(module
  (memory (export "memory") 1)
  (func (export "on_request") (result i32) (i32.const 1)))
