# crt0: from the start state that Linux gives a static program to main, and from main to exit.
#
# With -DCONSTRUCTORS, which sys.c and stdio.c then need too, constructors run before main and destructors at exit.
#
# At entry sp is 16-byte aligned and points to argc, argv[0], …, argv[argc-1], 0, envp…, 0, auxv…; all memory
# that no file content fills (.bss) is zero. No other register has a defined value.

        .section .text._start, "ax", @progbits
        .globl  _start
        .type   _start, @function
_start:
        .option push
        .option norelax                 # gp cannot be computed relative to gp
        la      gp, __global_pointer$
        .option pop
        la      tp, __tls_base          # picolibc's errno lives at tp
#ifdef CONSTRUCTORS
        .globl  crt0_runs_constructors  # guest.ld looks for it
        .set    crt0_runs_constructors, 1
        call    run_constructors        # sys.c
#endif
        lw      a0, 0(sp)               # argc
        addi    a1, sp, 4               # argv
        call    main
        call    exit                    # flushes stdio in guests that have one (stdio.c); never returns
        .size   _start, . - _start
