;; Behaves, then does not: it counts its calls in its memory, and returns 0, a wild
;; number, a reply without one, a trap and an endless loop in turn.
;;! on_request: ok result trap fuel
(module
  (memory (export "memory") 1)
  (func (export "on_request") (result i32)
    (local $n i32)
    (local.set $n (i32.load (i32.const 0)))
    (i32.store (i32.const 0) (i32.add (local.get $n) (i32.const 1)))
    (block $default (block $loop (block $trap (block $reply (block $wild
      (br_table $default $default $default $wild $default $reply $default $trap $loop
        (i32.rem_u (local.get $n) (i32.const 9))))
      (return (i32.const 77)))
      (return (i32.const 1)))
      unreachable)
      (loop $again (br $again)))
    (i32.const 0)))
