;; Adds a message of a megabyte of NUL to the request, which is eight times that as
;; JSON, just within max_body and what fuel allows. A service gets all of it.
;;! grants: content
;;! on_request: ok
;;! cpu: 16s
;;! memory: 160MiB
(module
  (import "router_v1" "json_set_string" (func $set_string (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 32)
  (data (i32.const 0) "/messages/-")
  (func (export "on_request") (result i32)
    ;; 1.3 MB of NUL are 7.8 MB of \u0000
    (if (call $set_string (i32.const 0) (i32.const 11) (i32.const 65536) (i32.const 1300000)) (then unreachable))
    (i32.const 0)))
