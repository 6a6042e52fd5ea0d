// What an exception of LibTorch says that no binding caught: one line, as every other error.

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <unistd.h>

namespace {

[[noreturn]] void say_and_end() {
  // Little is allowed here: memory may be what lacks.
  char line[512];
  int length = 0;
  try {
    if (std::current_exception()) {
      std::rethrow_exception(std::current_exception());
    }
    length = std::snprintf(line, sizeof line, "error: a fault of a library: it ended without a reason\n");
  } catch (const std::bad_alloc&) {
    length = std::snprintf(line, sizeof line,
                           "error: not enough memory; expected more, or less to do at once (a smaller batch, smaller networks, fewer --threads)\n");
  } catch (const std::exception& error) {
    length = std::snprintf(line, sizeof line, "error: a fault of a library: %.400s", error.what());
    for (int i = 0; i < length; ++i) {
      if (line[i] == '\n') {
        length = i;
      }
    }
    line[length++] = '\n';
  } catch (...) {
    length = std::snprintf(line, sizeof line, "error: a fault of a library: an exception of no known type\n");
  }
  ssize_t written = write(STDERR_FILENO, line, static_cast<size_t>(length));
  (void)written;
  _exit(2);
}

}  // namespace

extern "C" void vesalius_say_and_end_on_terminate() { std::set_terminate(say_and_end); }
