;; Ends the process, as a program would.
;;! on_request: trap
;;! reason: the plugin called exit(0)
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "on_request") (result i32) (call $exit (i32.const 0)) (i32.const 0)))
