;; Takes all the memory that it may have, writes to each page of it and behaves. It is
;; given up for a fresh instance, since it has filled its memory, so no more than the
;; limit times the instances is ever taken. The time is the kernel's, for
;; 32 MiB of fresh pages a call, and a virtual machine's kernel takes several times as long.
;;! on_request: ok
;;! cpu: 16s
;;! memory: 160MiB
(module
  (memory (export "memory") 1)
  (func (export "on_request") (result i32)
    (local $at i32)
    (loop $more
      (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (loop $write
      (i32.store (local.get $at) (i32.const 1))
      (local.set $at (i32.add (local.get $at) (i32.const 4096)))
      (br_if $write (i32.lt_u (local.get $at) (i32.shl (memory.size) (i32.const 16)))))
    (i32.const 0)))
