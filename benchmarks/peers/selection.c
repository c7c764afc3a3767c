/* The selection over all events of flat buffers; compiled and called by c_loop.py. */
#include <stdint.h>

#include "selection.h"

/* offsets: of triplets, muons, tracks, and of the numbers of tracks of the primary vertex.
   doubles, floats: in the order of Event, see c_loop.py. */
void select_events(int64_t events, const uint8_t *triggered, const int64_t *const *offsets, const double *const *doubles,
                   const float *const *floats, double *mass) {
  for (int64_t i = 0; i < events; i++) {
    if (!triggered[i]) {
      mass[i] = NAN;
      continue;
    }
    int64_t t = offsets[0][i], m = offsets[1][i], k = offsets[2][i], p = offsets[3][i];
    Event e = {offsets[0][i + 1] - t, offsets[1][i + 1] - m, offsets[2][i + 1] - k, offsets[3][i + 1] - p,
               doubles[0] + t, doubles[1] + p, doubles[2] + t,
               doubles[3] + t, doubles[4] + t, doubles[5] + t, doubles[6] + t, doubles[7] + t, doubles[8] + t,
               doubles[9] + t, doubles[10] + t, doubles[11] + t,
               floats[0] + t, floats[1] + t, floats[2] + m, floats[3] + m, floats[4] + m,
               doubles[12] + m, doubles[13] + m,
               doubles[14] + k, doubles[15] + k, doubles[16] + k, doubles[17] + k, doubles[18] + k};
    mass[i] = best_mass(&e);
  }
}
