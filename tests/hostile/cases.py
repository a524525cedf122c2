"""Files made to harm: each case writes one and says how it must be answered.

A case is a generator of pieces of the file. What it takes to refuse a file must not depend on what
is in it, so these are as large as the bounds allow, or far beyond them.
"""

MIB = 1 << 20
CASES = {}


def case(message, *, env=None, dotenv=None, accepted=False):
    """`message`: what the first error must say; `dotenv`: the .env beside it is the hostile file."""

    def register(function):
        CASES[function.__name__] = (function, message, env or {}, dotenv, accepted)
        return function

    return register


def repeat(piece, size):
    """About `size` bytes of it, in small pieces."""
    many = piece * max(1, 4096 // len(piece))
    for _ in range(size // len(many)):
        yield many


@case("values in one file")
def alias_bomb_of_ten_lines():
    yield "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for i in range(1, 10):
        yield f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n"


@case("bytes in one file")
def alias_bomb_of_long_texts():
    yield "a: &a '" + "x" * 50_000 + "'\nb: [" + "*a, " * 50_000 + "]\n"


@case("levels deep")
def aliases_that_nest():
    yield "a0: &a0 {x: 1}\n"
    for i in range(1, 5000):
        yield f"a{i}: &a{i} {{x: *a{i - 1}}}\n"


@case("inside the very value")
def alias_cycle():
    yield "services: &s\n  web: {image: host, labels: *s}\n"


@case("inside the very value")
def alias_cycle_by_merge_key():
    yield "services: &s\n  web: &w {image: host, <<: *w}\n"


@case("values in one file")
def merge_key_bomb():
    yield "a0: &a0 {" + ", ".join(f"k{i}: 1" for i in range(50)) + "}\n"
    for i in range(1, 10):
        yield f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}\n"


@case("unknown key")
def merge_of_large_mappings():
    yield "a: &a\n"
    yield from (f"  a{i}: 1\n" for i in range(12_000))
    yield "b:\n  <<: *a\n"
    yield from (f"  b{i}: 1\n" for i in range(12_000))


@case("more than the")
def two_megabytes_of_brackets():
    yield from repeat("[", 2 * MIB)


@case("levels deep")
def brackets_within_the_size():
    yield "services: "
    yield from repeat("[", 1_000_000)


@case("levels deep")
def deep_flow_mappings():
    yield from repeat("{a: ", 1_000_000)


@case("levels deep")
def deep_block_mappings():
    yield from (" " * i + "a:\n" for i in range(1300))


@case("levels deep")
def deep_block_sequences():
    yield from repeat("- ", 1_000_000)


@case("a key must be a string|levels deep")
def deep_explicit_keys():
    yield from repeat("? ", 1_000_000)


@case("more than the")
def scalar_of_two_megabytes():
    yield "services: {web: {image: '"
    yield from repeat("x", 2 * MIB)
    yield "'}}\n"


@case("unknown key")
def key_of_a_megabyte():
    yield "services: {web: {image: host}}\n? "
    yield from repeat("x", 1_000_000)
    yield "\n: 1\n"


@case("must be a mapping|is a string")
def text_of_a_million_lines():
    yield "services:\n"
    yield from repeat(" x\n", 1_000_000)


@case("must be a mapping|is a string")
def folded_blank_lines():
    yield "services: >\n"
    yield from repeat("\n", 1_000_000)
    yield "  x\n"


@case("NUL byte at byte 20")
def nul_byte():
    yield "services: {web: {ima\0ge: host}}\n"


@case("UTF-16")
def utf16_with_mark():
    yield "services: {}\n".encode("utf-16")


@case("UTF-16")
def utf16_without_mark():
    yield "services: {}\n".encode("utf-16-be")


@case("byte 23 is not valid UTF-8")
def latin1():
    yield "services: {web: {image:é}}\n".encode("latin-1")


@case("control character U\\+001B")
def escape_sequence():
    yield "services: {web: {image: \x1b[31m}}\n"


@case("more than the")
def many_services():
    yield "services:\n"
    yield from (f"  s{i}: {{image: host}}\n" for i in range(200_000))


@case("values in one file", env={"STACK_MAX_BYTES": "100000000"})
def many_services_when_the_size_is_allowed():
    yield "services:\n"
    yield from (f"  s{i}: {{image: host}}\n" for i in range(200_000))


@case("values in one file")
def many_small_services():
    yield "services:\n"
    yield from (f" {i:x}z:\n" for i in range(120_000))


@case("values in one file")
def many_list_items():
    yield "x-a:\n"
    yield from repeat("- a\n", 1_000_000)


@case("values in one file")
def many_flow_items():
    yield "x-a: ["
    yield from repeat("[],", 1_000_000)
    yield "]\n"


@case("values in one file|must be a mapping|is a mapping|is a string")
def many_documents():
    yield from repeat("--- a\n", 1_000_000)


@case("", accepted=True)
def every_port():
    yield 'services: {web: {image: host, ports: ["1-65535:1-65535"]}}\n'


@case("not a number")
def number_as_key():
    yield "services:\n  8080: {image: host}\n"


@case("not a list or mapping")
def mapping_as_key():
    yield "services:\n  ? {a: b}\n  : {image: host}\n"


@case("the tag !!python/object/apply:os.system is not known")
def tag_of_another_language():
    yield "services: {web: {image: !!python/object/apply:os.system [id]}}\n"


@case("the tag !x is not known")
def tag_unknown():
    yield "services: {web: {image: !x host}}\n"


@case("")
def tags_without_end():
    yield "services: "
    yield from repeat("!", 1_000_000)
    yield "x\n"


@case("")
def anchors_without_end():
    yield "services: "
    yield from repeat("&a ", 1_000_000)
    yield "x\n"


@case("unknown key")
def anchors_never_used():
    yield "a: " + "".join(f"&a{i} [" for i in range(90)) + "1," * 40_000 + "]" * 90 + "\n"


@case("more than the")
def comment_of_ten_megabytes():
    yield "services: {}\n"
    yield from repeat("# nothing\n", 10 * MIB)


@case("more than the")
def file_of_a_hundred_megabytes():
    yield from repeat("services: {}\n---\n", 100 * MIB)


@case("never closed")
def endless_quote():
    yield 'services: {web: {image: "'
    yield from repeat("x\n", 1_000_000)


@case("tab cannot indent")
def tab_indentation():
    yield "services:\n\tweb:\n\t\timage: host\n"


@case("nested too deep")
def interpolation_nested():
    yield "services: {web: {image: '" + "${A:-" * 10_000 + "}" * 10_000 + "'}}\n"


@case("without its '}'")
def interpolation_never_closed():
    yield "services: {web: {image: '" + "${A:-" * 100_000 + "'}}\n"


@case("together grow beyond|grows beyond", env={"LONG": "x" * 50_000})
def interpolation_that_grows():
    yield "services:\n  web:\n    image: host\n    command:\n"
    yield from repeat("    - $LONG$LONG\n", 500_000)


@case("must be a mapping|is a string")
def variables_without_values():
    yield "services: '"
    yield from (f"$a{i} " for i in range(100_000))
    yield "'\n"


@case("given twice")
def one_key_many_times():
    yield "services: {web: {image: host}}\n"
    yield from repeat("x-a:\n", 200_000)


@case("unknown key")
def many_unknown_keys():
    yield "services:\n  web:\n    image: host\n"
    yield from (f"    imag{i}: x\n" for i in range(20_000))


@case("is a mapping")
def directives():
    yield from (f"%TAG !{i}! tag:x,{i}:\n" for i in range(40_000))
    yield "--- a\n"


@case("beyond 1 MiB|beyond 8 MiB", dotenv=True)
def dotenv_that_doubles():
    yield "A0=xxxxxxxxxxxxxxxx\n"
    for i in range(1, 100):
        yield f"A{i}=$A{i - 1}$A{i - 1}\n"


@case("never closed", dotenv=True)
def dotenv_endless_quote():
    yield 'A="'
    yield from repeat("x\n", 1_000_000)


@case("may not contain", dotenv=True)
def dotenv_of_mistakes():
    yield from repeat("a b\n", 1_000_000)


@case("NUL byte", dotenv=True)
def dotenv_binary():
    yield bytes(range(256)) * 100
