"""Indices are divided by multiplying: shown here for numbers that no tensor of a test reaches."""

import subprocess

from tests.support.emulated import CSRC

PROGRAM = r"""
#include <cstdio>
#include <random>
#include "numbers.h"

int main() {
  std::mt19937_64 random;
  const int64_t largest = INT64_MAX;
  for (int trial = 0; trial < 2000000; ++trial) {
    const int64_t by = kaokore::most<int64_t>(random() >> (1 + random() % 63), 1);
    const int64_t near = (largest / by - random() % 3) * by, any = random() >> (1 + random() % 63);
    const int64_t small = ((int64_t{1} << 31) / by - random() % 3) * by;  // where 32 bits begin to do
    for (int64_t n : {any, near, near - 1, near + 1, largest, int64_t{0}, small - 1, small, small + 1}) {
      if (n < 0) continue;
      const kaokore::Divisor divisor(by);
      const bool right = divisor.quotient(n) == n / by && divisor.remainder(n) == n % by;
      if (right && divisor.long_remainder(n) == n % by) continue;
      return std::printf("%lld / %lld\n", (long long)n, (long long)by), 1;
    }
  }
}
"""


def test_the_quotient_is_that_of_a_division(tmp_path):
    source, program = tmp_path / "division.cpp", tmp_path / "division"
    source.write_text(PROGRAM)
    subprocess.run(["g++", "-std=c++17", "-O1", f"-I{CSRC}", source, "-o", program], check=True)
    done = subprocess.run([program], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
