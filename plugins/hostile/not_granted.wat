;; Reads the prompt, the client's key and the store without a grant for any of them.
;; Every one is refused, or it traps.
;;! on_request: ok
(module
  (import "router_v1" "json_get" (func $json (param i32 i32 i32 i32) (result i32)))
  (import "router_v1" "header_get" (func $header (param i32 i32 i32 i32 i32) (result i32)))
  (import "router_v1" "kv_get" (func $kv (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "/messages" "/messages/0/content" "authorization" "Cookie" "x-api-key")
  (func $denied (param i32) (if (i32.ne (local.get 0) (i32.const -3)) (then unreachable)))
  (func (export "on_request") (result i32)
    (call $denied (call $json (i32.const 0) (i32.const 9) (i32.const 256) (i32.const 4096)))
    (call $denied (call $json (i32.const 9) (i32.const 19) (i32.const 256) (i32.const 4096)))
    (call $denied (call $json (i32.const 0) (i32.const 0) (i32.const 256) (i32.const 4096)))
    (call $denied (call $header (i32.const 0) (i32.const 28) (i32.const 13) (i32.const 256) (i32.const 4096)))
    (call $denied (call $header (i32.const 0) (i32.const 41) (i32.const 6) (i32.const 256) (i32.const 4096)))
    (call $denied (call $header (i32.const 0) (i32.const 47) (i32.const 9) (i32.const 256) (i32.const 4096)))
    (call $denied (call $kv (i32.const 0) (i32.const 9) (i32.const 256) (i32.const 4096)))
    (i32.const 0)))
