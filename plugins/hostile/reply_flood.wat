;; Replies again and again with a megabyte each time: what the router copies is paid
;; for in fuel.
;;! on_request: fuel
(module
  (import "router_v1" "reply" (func $reply (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 17)
  (data (i32.const 0) "text/plain")
  (func (export "on_request") (result i32)
    (local $i i32)
    (local.set $i (i32.const 100))
    (loop $again
      (drop (call $reply (i32.const 200) (i32.const 0) (i32.const 10) (i32.const 16) (i32.const 1048576)))
      (br_if $again (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
    (i32.const 1)))
