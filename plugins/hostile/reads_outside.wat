;; Reads behind its memory: the last byte of it, and three more.
;;! on_request: trap
(module
  (memory (export "memory") 1)
  (func (export "on_request") (result i32)
    (i32.load (i32.const 65533))))
