;; Sets the global that comes behind its own, which is where the fuel is: were indices
;; not checked before it is put there, the plugin would fill its own tank.
;;! refused: no such global
(module binary
  "\00asm" "\01\00\00\00"
  "\01\05\01\60\00\01\7f"           ;; type () -> i32
  "\03\02\01\00"                    ;; one function
  "\05\03\01\00\01"                 ;; a memory
  "\07\17\02\06memory\02\00\0aon_request\00\00"
  "\0a\0f\01\0d\00"
  "\42\ff\ff\ff\ff\ff\00\24\00"     ;; i64.const 2^34, global.set 0: there is none
  "\41\00\0b")
