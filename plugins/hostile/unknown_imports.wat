;; Imports functions that there are not, from modules that there are not.
;;! refused: it imports router_v1.json_gett
(module
  (import "router_v1" "json_gett" (func (param i32 i32 i32 i32) (result i32)))
  (import "router_v2" "json_get" (func (param i32 i32 i32 i32) (result i32)))
  (import "env" "system" (func (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "shell" (func))
  (memory (export "memory") 1)
  (func (export "on_request") (result i32) (i32.const 0)))
