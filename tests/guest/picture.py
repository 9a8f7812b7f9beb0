# SPDX-License-Identifier: MIT
"""Pictures: those that the guest's agent draws, those of a screenshot, and how they differ.

A Picture holds pixels in memory order B G R X with X = 255. pattern() and cursor() make what
pattern.c makes, to the last pixel.
"""

import functools
import itertools
import struct
import zlib

CURSOR_SIDE = 64
BLACK = b"\x00\x00\x00\xff"


class Picture:
    def __init__(self, width, height, pixels=None):
        self.width, self.height = width, height
        self.pixels = bytearray(BLACK * (width * height) if pixels is None else pixels)
        assert len(self.pixels) == width * height * 4

    def __eq__(self, other):
        return (self.width, self.height, self.pixels) == (other.width, other.height, other.pixels)

    def copy(self):
        return Picture(self.width, self.height, self.pixels)

    def crc(self):
        return zlib.crc32(self.pixels)

    def row(self, x, y, width):
        start = (y * self.width + x) * 4
        return slice(start, start + width * 4)

    def pixel(self, x, y):
        return tuple(self.pixels[self.row(x, y, 1)])

    def paste(self, other, x, y, width, height):
        """Take a rectangle over from another picture of the same size."""
        for line in range(y, y + height):
            where = self.row(x, line, width)
            self.pixels[where] = other.pixels[where]

    def crop(self, x, y, width, height):
        rows = [self.pixels[self.row(x, line, width)] for line in range(y, y + height)]
        return Picture(width, height, b"".join(rows))

    def upside_down(self):
        rows = (self.pixels[self.row(0, y, self.width)] for y in reversed(range(self.height)))
        return Picture(self.width, self.height, b"".join(rows))

    def differences(self, expected):
        """What is wrong, as a sentence; None if nothing is."""
        if (self.width, self.height) != (expected.width, expected.height):
            return (f"{self.width}x{self.height} pixels instead of "
                    f"{expected.width}x{expected.height}")
        if self.pixels == expected.pixels:
            return None
        wrong = []
        for y in range(self.height):
            where = self.row(0, y, self.width)
            if self.pixels[where] != expected.pixels[where]:
                wrong += [(x, y) for x in range(self.width)
                          if self.pixel(x, y) != expected.pixel(x, y)]
        xs, ys = [x for x, _ in wrong], [y for _, y in wrong]
        first = wrong[0]
        return (f"{len(wrong)} of {self.width * self.height} pixels are wrong, in columns "
                f"{min(xs)} to {max(xs)} and rows {min(ys)} to {max(ys)}; the first, at {first}, "
                f"is B,G,R,X {self.pixel(*first)} instead of {expected.pixel(*first)}")


def from_rgb(width, height, rgb):
    picture = Picture(width, height)
    for channel in range(3):
        picture.pixels[channel::4] = rgb[2 - channel::3]
    return picture


def read_ppm(data):
    """A picture from a binary PPM, as QEMU writes it: no comments, rows padded to four bytes."""
    magic, sizes, maximum, _ = data.split(b"\n", 3)
    if magic != b"P6" or maximum != b"255":
        raise ValueError("not a PPM of 8 bits")
    width, height = (int(word) for word in sizes.split())
    start = len(magic) + len(sizes) + len(maximum) + 3
    stride = (len(data) - start) // height
    if stride * height + start != len(data) or not width * 3 <= stride < width * 3 + 4:
        raise ValueError(f"{len(data)} bytes are no PPM of {width}x{height} pixels")
    rows = (data[start + y * stride:start + y * stride + width * 3] for y in range(height))
    return from_rgb(width, height, b"".join(rows))


def unfilter_paeth(line, above, n):
    """Each byte was guessed as the nearest of left, above and corner to left + above - corner."""
    for i in range(n):
        line[i] = (line[i] + above[i]) & 255
    for i in range(n, len(line)):
        left, up, corner = line[i - n], above[i], above[i - n]
        from_left, from_up = up - corner, left - corner
        from_corner = from_left + from_up
        if from_left < 0:
            from_left = -from_left
        if from_up < 0:
            from_up = -from_up
        if from_corner < 0:
            from_corner = -from_corner
        if from_left <= from_up and from_left <= from_corner:
            guess = left
        elif from_up <= from_corner:
            guess = up
        else:
            guess = corner
        line[i] = (line[i] + guess) & 255


def unfilter(kind, line, above, n):
    """Undo a PNG filter in place; n is bytes a pixel."""
    if kind == 1:
        for i in range(n):
            line[i::n] = bytes(v & 255 for v in itertools.accumulate(line[i::n]))
    elif kind == 2:
        line[:] = bytes((a + b) & 255 for a, b in zip(line, above))
    elif kind == 3:
        for i, up in enumerate(above):
            left = line[i - n] if i >= n else 0
            line[i] = (line[i] + (left + up) // 2) & 255
    elif kind == 4:
        unfilter_paeth(line, above, n)
    elif kind != 0:
        raise ValueError(f"PNG has no filter {kind}")


@functools.lru_cache(maxsize=8)
def read_png(data):
    """A picture from a PNG of 8 bits a channel, RGB or RGBA (whose alpha is not looked at).

    A screen is looked at again and again, so the last few are remembered: do not change them.
    """
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError("not a PNG")
    at, packed, header = 8, b"", None
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        if zlib.crc32(kind + body) != struct.unpack(">I", data[at + 8 + size:at + 12 + size])[0]:
            raise ValueError(f"chunk {kind} has a wrong checksum")
        if kind == b"IHDR":
            header = struct.unpack(">IIBBBBB", body)
        elif kind == b"IDAT":
            packed += body
        at += size + 12
    width, height, depth, colour, _, _, interlaced = header
    if depth != 8 or colour not in (2, 6) or interlaced:
        raise ValueError("a kind of PNG that is not expected")
    n = 3 if colour == 2 else 4
    raw = zlib.decompress(packed)
    above, rgb = bytearray(width * n), bytearray()
    for y in range(height):
        start = y * (width * n + 1)
        line = bytearray(raw[start + 1:start + 1 + width * n])
        unfilter(raw[start], line, above, n)
        rgb += line
        above = line
    if n == 4:
        del rgb[3::4]
    return from_rgb(width, height, rgb)


def write_png(picture):
    rgb = bytearray(picture.width * picture.height * 3)
    for channel in range(3):
        rgb[channel::3] = picture.pixels[2 - channel::4]
    stride = picture.width * 3
    raw = b"".join(b"\0" + rgb[y * stride:(y + 1) * stride] for y in range(picture.height))
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", picture.width, picture.height, 8, 2, 0, 0, 0)),
              (b"IDAT", zlib.compress(raw, 1)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks)


# What pattern.c draws.

BOX_AT, BOX_MAX_WIDTH, BOX_MAX_HEIGHT = 16, 512, 64
FRAMES = [b"\xff\xff\xff\xff", b"\x00\x00\x00\xff", b"\xff\x00\xff\xff"]
BIT_PIXELS = [b"".join(b"\xff\xff\xff\xff" if byte >> (7 - bit) & 1 else BLACK for bit in range(8))
              for byte in range(256)]


def noise_rows(width, height, seed):
    """The rows of the box of noise, as pixels."""
    n_words = min(max(width - 2 * BOX_AT, 0), BOX_MAX_WIDTH) // 32
    state = ((seed + 1) * 0x9e3779b9 & 0xffffffff) | 1
    for _ in range(min(max(height - 2 * BOX_AT, 0), BOX_MAX_HEIGHT)):
        row = b""
        for _ in range(n_words):
            state ^= state << 13 & 0xffffffff
            state ^= state >> 17
            state ^= state << 5 & 0xffffffff
            row += b"".join(BIT_PIXELS[byte] for byte in state.to_bytes(4, "big"))
        yield row


def pattern(width, height, seed):
    """The picture of a seed."""
    picture = Picture(width, height)
    ramp = bytes(i & 255 for i in range(width + 256))
    steep = bytes(2 * i & 255 for i in range(width + 256))
    for y in range(height):
        line = bytearray(BLACK * width)
        start = (3 * y + 7 * seed) & 255
        line[0::4] = ramp[start:start + width]
        line[1::4] = bytes([(5 * y + 11 * seed) & 255]) * width
        # Two steps of 1 are one of 2: the odd half needs a table of its own.
        start = (y + 13 * seed) & 255
        half = start // 2
        line[2::4] = steep[half:half + width] if start % 2 == 0 else bytes(
            (v + 1) & 255 for v in steep[half:half + width])
        picture.pixels[picture.row(0, y, width)] = line
    for y, row in enumerate(noise_rows(width, height, seed)):
        picture.pixels[picture.row(BOX_AT, BOX_AT + y, len(row) // 4)] = row
    for inset in reversed(range(3)):
        n = width - 2 * inset
        for y in (inset, height - 1 - inset):
            picture.pixels[picture.row(inset, y, n)] = FRAMES[inset] * n
        for y in range(inset, height - inset):
            for x in (inset, width - 1 - inset):
                picture.pixels[picture.row(x, y, 1)] = FRAMES[inset]
    return picture


def cursor(seed):
    """The cursor of a seed: rows of (alpha, (b, g, r)), premultiplied."""
    rows = []
    for y in range(CURSOR_SIDE):
        row = []
        for x in range(CURSOR_SIDE):
            alpha = 0 if (x // 8 + y // 8) % 2 == 0 else 255 if x < 32 else 128
            if min(x, y, CURSOR_SIDE - 1 - x, CURSOR_SIDE - 1 - y) == 0:
                alpha = 255
            row.append((alpha, (64 * alpha // 255, ((4 * y + 3 * seed) & 255) * alpha // 255,
                                ((4 * x + seed) & 255) * alpha // 255)))
        rows.append(row)
    return rows


def with_cursor(picture, image, at_x, at_y):
    """The picture with a cursor over it; at is its upper left corner, and may be outside."""
    result = picture.copy()
    for y in range(max(0, at_y), min(picture.height, at_y + CURSOR_SIDE)):
        for x in range(max(0, at_x), min(picture.width, at_x + CURSOR_SIDE)):
            alpha, colour = image[y - at_y][x - at_x]
            start = (y * picture.width + x) * 4
            for i in range(3):
                # Rounded, as oriel shot does it.
                below = (picture.pixels[start + i] * (255 - alpha) + 127) // 255
                result.pixels[start + i] = min(255, colour[i] + below)
    return result


# What gl/tiles.c draws.

QUARTERS = (0xffc02010, 0xff20a030, 0xff1040d0, 0xffe8d8b0)
N_TILES = 40
TILE_ALPHAS = (255, 128, 0, 255)


def noise(seed):
    """Numbers of 32 bits without an end."""
    state = ((seed + 1) * 0x9e3779b9 & 0xffffffff) | 1
    while True:
        state ^= state << 13 & 0xffffffff
        state ^= state >> 17
        state ^= state << 5 & 0xffffffff
        yield state


def tiles(width, height, seed, has_alpha=False):
    """Rectangles and their pixels, from the lowest to the topmost: x, y, width, height, B G R A."""
    half_x, half_y = width // 2, height // 2
    for i, colour in enumerate(QUARTERS):
        yield (i % 2 * half_x, i // 2 * half_y, width - half_x if i % 2 else half_x,
               height - half_y if i // 2 else half_y, colour.to_bytes(4, "little"))
    random = noise(seed)
    for _ in range(N_TILES - len(QUARTERS)):
        x, y = next(random) % width, next(random) % height
        tile_width = 1 + next(random) % (width - x) // 2
        tile_height = 1 + next(random) % (height - y) // 2
        colour = next(random)
        alpha = TILE_ALPHAS[colour >> 30] if has_alpha else 255
        channels = (colour >> shift & 255 for shift in (0, 8, 16))
        yield (x, y, tile_width, tile_height,
               bytes([*(channel * alpha // 255 for channel in channels), alpha]))


def tile_picture(width, height, seed, has_alpha=False):
    """The picture of such rectangles; with alpha, in the fourth byte of each pixel."""
    picture = Picture(width, height)
    for x, y, tile_width, tile_height, pixel in tiles(width, height, seed, has_alpha):
        for line in range(y, y + tile_height):
            picture.pixels[picture.row(x, line, tile_width)] = pixel * tile_width
    return picture


def tile_cursor(seed):
    """A cursor of such rectangles, as cursor() has it."""
    image = tile_picture(CURSOR_SIDE, CURSOR_SIDE, seed, has_alpha=True)
    rows = []
    for y in range(CURSOR_SIDE):
        pixels = [image.pixel(x, y) for x in range(CURSOR_SIDE)]
        rows.append([(alpha, (b, g, r)) for b, g, r, alpha in pixels])
    return rows


class Console:
    """A text console: white-grey letters of a font on black."""

    GREY = b"\xaa\xaa\xaa\xff"

    def __init__(self, width, height, font_width, font_height, glyphs):
        self.picture = Picture(width, height)
        self.cell = (font_width, font_height)
        self.glyphs = glyphs

    def put(self, column, row, text):
        """Write a text into cells; it does not wrap."""
        width, height = self.cell
        assert width == 8
        for i, character in enumerate(text.encode("ascii")):
            for y in range(height):
                bits = self.glyphs[character * height + y]
                line = b"".join(self.GREY if bits >> (7 - x) & 1 else BLACK for x in range(8))
                where = self.picture.row((column + i) * 8, row * height + y, 8)
                self.picture.pixels[where] = line
