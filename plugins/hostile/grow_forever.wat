;; Asks for memory in a loop without end, a page and everything in turn, also when it
;; is refused.
;;! on_request: fuel
;;! memory: 160MiB
(module
  (memory (export "memory") 1)
  (func (export "on_request") (result i32)
    (loop $again
      (drop (memory.grow (i32.const 1)))
      (drop (memory.grow (i32.const 65536)))
      (drop (memory.grow (i32.sub (i32.const 65536) (memory.size))))
      (drop (memory.grow (i32.const -1)))
      (br $again))
    unreachable))
