/* The program of init.c as bytes: stack_init_image to stack_init_image_end. */
  .section .rodata
  .globl stack_init_image, stack_init_image_end
  .balign 16
stack_init_image:
  .incbin STACK_INIT_FILE
stack_init_image_end:
  .section .note.GNU-stack, "", %progbits
