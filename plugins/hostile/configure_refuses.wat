;; Refuses its config with a reason of 60,000 bytes that moves the terminal's cursor
;; and forges lines.
;;! refused: it refuses its config: \x1b[2Jok\nlevel=INFO
(module
  (import "router_v1" "fail" (func $fail (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\1b[2Jok\0alevel=INFO")
  (func (export "configure") (result i32)
    (call $fail (i32.const 0) (i32.const 60000))
    (i32.const 1))
  (func (export "on_request") (result i32) (i32.const 0)))
