#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whether picture.py reads what screenshots are, so that the guest tests may trust it."""

import random
import struct
import unittest
import zlib

import picture


def filtered(kind, rows, n):
    """Rows of bytes as a PNG filter makes them, by the words of the PNG specification."""
    above, result = bytes(len(rows[0])), b""
    for row in rows:
        line = bytearray([kind])
        for i, value in enumerate(row):
            a = row[i - n] if i >= n else 0
            b = above[i]
            c = above[i - n] if i >= n else 0
            nearest = min((a, b, c), key=lambda v: abs(a + b - c - v))
            guess = (0, a, b, (a + b) // 2, nearest)[kind]
            line.append((value - guess) & 255)
        result += line
        above = row
    return result


def png(width, height, colour, raw):
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)),
              (b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks)


class PictureTest(unittest.TestCase):
    def setUp(self):
        dice = random.Random(1)
        self.rgb = [bytes(dice.randrange(256) for _ in range(13 * 3)) for _ in range(7)]
        self.expected = picture.from_rgb(13, 7, b"".join(self.rgb))

    def test_png_filters(self):
        """Each of PNG's five filters is undone, without and with alpha."""
        for kind in range(5):
            with self.subTest(kind):
                self.assertEqual(picture.read_png(png(13, 7, 2, filtered(kind, self.rgb, 3))),
                                 self.expected)
        rgba = [b"".join(row[i:i + 3] + b"\x7f" for i in range(0, len(row), 3))
                for row in self.rgb]
        self.assertEqual(picture.read_png(png(13, 7, 6, filtered(4, rgba, 4))), self.expected)

    def test_png_round_trip(self):
        self.assertEqual(picture.read_png(picture.write_png(self.expected)), self.expected)

    def test_broken_png(self):
        """A byte that is not what was written is noticed."""
        data = bytearray(picture.write_png(self.expected))
        data[50] ^= 1
        with self.assertRaises(ValueError):
            picture.read_png(bytes(data))

    def test_ppm(self):
        """Rows with and without padding; a file that is too short is refused."""
        header = b"P6\n13 7\n255\n"
        for padding in (b"", b"\0"):
            rows = b"".join(row + padding for row in self.rgb)
            self.assertEqual(picture.read_ppm(header + rows), self.expected)
        with self.assertRaises(ValueError):
            picture.read_ppm(header + b"".join(self.rgb)[:-1])

    def test_differences(self):
        """One bit of one pixel is a difference, and is named."""
        other = self.expected.copy()
        self.assertIsNone(other.differences(self.expected))
        other.pixels[(3 * 13 + 5) * 4 + 1] ^= 1
        self.assertIn("1 of 91 pixels", other.differences(self.expected))
        self.assertIn("(5, 3)", other.differences(self.expected))
        self.assertIn("13x7", self.expected.differences(picture.Picture(7, 13)))

    def test_cursor(self):
        """A cursor beyond each edge is cut; clear parts show the screen."""
        screen = picture.pattern(100, 90, 1)
        image = picture.cursor(2)
        for x, y, n_rows in ((-63, 0, 64), (99, 0, 64), (0, -63, 1), (0, 89, 1)):
            shown = picture.with_cursor(screen, image, x, y)
            edge = [row for row in range(90) if shown.pixels[shown.row(0, row, 100)]
                    != screen.pixels[screen.row(0, row, 100)]]
            self.assertTrue(0 < len(edge) <= n_rows, (x, y, len(edge)))
        for x, y in ((-64, 0), (100, 0), (0, -64), (0, 90)):
            self.assertEqual(picture.with_cursor(screen, image, x, y), screen)
        shown = picture.with_cursor(screen, image, 10, 10)
        self.assertEqual(shown.pixel(11, 11), screen.pixel(11, 11))  # a clear square
        self.assertNotEqual(shown.pixel(10, 10), screen.pixel(10, 10))  # the opaque edge

    def test_tiles(self):
        """Upside down or mirrored such a picture is another one; cursors are premultiplied."""
        drawn = picture.tile_picture(64, 48, 3)
        self.assertEqual(set(drawn.pixels[3::4]), {255})
        self.assertNotEqual(drawn, drawn.upside_down())
        self.assertEqual(drawn, drawn.upside_down().upside_down())
        rows = [drawn.pixels[drawn.row(0, y, 64)] for y in range(48)]
        mirrored = b"".join(row[i:i + 4] for row in rows for i in range(252, -4, -4))
        self.assertNotEqual(drawn, picture.Picture(64, 48, mirrored))
        pixels = [pixel for row in picture.tile_cursor(1) for pixel in row]
        self.assertEqual({alpha for alpha, _ in pixels}, {0, 128, 255})
        self.assertTrue(all(max(colour) <= alpha for alpha, colour in pixels))


if __name__ == "__main__":
    unittest.main()
