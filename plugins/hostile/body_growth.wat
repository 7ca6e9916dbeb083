;; Appends messages to the request, each as long as it can make them, as often as it
;; can. What the router writes, and the document that it has to copy each time, are
;; paid for in fuel.
;;! grants: content
;;! on_request: fuel
;;! memory: 192MiB
(module
  (import "router_v1" "json_set_string" (func $set_string (param i32 i32 i32 i32) (result i32)))
  (import "router_v1" "json_set" (func $set (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 32)
  (data (i32.const 0) "/messages/-" "/x" "{\22a\22:")
  (func (export "on_request") (result i32)
    (local $i i32)
    (local.set $i (i32.const 100))
    (loop $again
      ;; 200 KB of NUL are 1.2 MB of \u0000
      (drop (call $set_string (i32.const 0) (i32.const 11) (i32.const 65536) (i32.const 200000)))
      (br_if $again (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
    (if (i32.ge_s (call $set (i32.const 11) (i32.const 2) (i32.const 13) (i32.const 5)) (i32.const 0))
      (then unreachable))
    (i32.const 0)))
