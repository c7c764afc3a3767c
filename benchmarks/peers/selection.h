/* The seed-notebook selection of D_s -> phi(mu mu) pi for one event, as a loop with early exits. C99, and C++ for Cling.

   Numbers: processors/ds_phi_pi.py, Thresholds; the muon mass is that of the schema. GeV, cm, radians. */
#include <math.h>

#define MUON_MASS 0.1056583755

typedef struct {
  long n_triplets, n_muons, n_tracks, n_pv_tracks;
  const double *mass, *pv_tracks, *chi2;
  const double *pt1, *eta1, *phi1, *pt2, *eta2, *phi2, *pt3, *eta3, *phi3;
  const float *match1, *match2;
  const float *muon_pt, *muon_eta, *muon_phi;
  const double *muon_global, *muon_pf;
  const double *track_pt, *track_eta, *track_phi, *track_dz, *track_dxy;
} Event;

static inline int is_near(double eta_a, double eta_b, double phi_a, double phi_b) {
  double phi = fabs(phi_a - phi_b), eta = eta_a - eta_b;
  if (phi > M_PI) phi = 2 * M_PI - phi;
  double distance = sqrt(phi * phi + eta * eta);
  return distance > 1e-4 && distance < 0.8;
}

static inline int in_acceptance(double pt, double eta) {
  double size = fabs(eta);
  return (size < 1.2 && pt > 3.5) || (size >= 1.2 && size < 2.4 && pt > 2.0);
}

static inline int is_good_muon(const Event *e, double pt, double eta, double phi) {
  for (long k = 0; k < e->n_muons; k++)
    if (e->muon_pt[k] == pt && e->muon_eta[k] == eta && e->muon_phi[k] == phi)
      return e->muon_global[k] > 0 && e->muon_pf[k] > 0;
  return 0;
}

static inline int is_good_track(const Event *e, double pt, double eta, double phi) {
  for (long k = 0; k < e->n_tracks; k++)
    if (e->track_pt[k] == pt && e->track_eta[k] == eta && e->track_phi[k] == phi)
      return fabs(e->track_dz[k]) < 20 && fabs(e->track_dxy[k]) < 0.3;
  return 0;
}

static inline double dimuon_mass(const Event *e, long j) {
  double px = e->pt1[j] * cos(e->phi1[j]) + e->pt2[j] * cos(e->phi2[j]);
  double py = e->pt1[j] * sin(e->phi1[j]) + e->pt2[j] * sin(e->phi2[j]);
  double z1 = e->pt1[j] * sinh(e->eta1[j]), z2 = e->pt2[j] * sinh(e->eta2[j]);
  double energy = sqrt(e->pt1[j] * e->pt1[j] + z1 * z1 + MUON_MASS * MUON_MASS) +
                  sqrt(e->pt2[j] * e->pt2[j] + z2 * z2 + MUON_MASS * MUON_MASS);
  return sqrt(energy * energy - px * px - py * py - (z1 + z2) * (z1 + z2));
}

/* Mass of the candidate with the smallest vertex chi2 of those that pass; NAN where none does.

   In one of a hundred real events the number of tracks was filled once too often, with a value below 2, which is left out. */
static inline double best_mass(const Event *e) {
  double best_chi2 = INFINITY, best = NAN;
  int uneven = e->n_pv_tracks > e->n_triplets;
  long place = 0;
  for (long j = 0; j < e->n_triplets; j++, place++) {
    while (uneven && place < e->n_pv_tracks && e->pv_tracks[place] < 2) place++;
    double mass = e->mass[j];
    if (!(mass > 1.62 && mass < 2.02 && place < e->n_pv_tracks && e->pv_tracks[place] > 1)) continue;
    if (!(in_acceptance(e->pt1[j], e->eta1[j]) && in_acceptance(e->pt2[j], e->eta2[j]) && e->pt3[j] > 1.2)) continue;
    if (!is_near(e->eta1[j], e->eta2[j], e->phi1[j], e->phi2[j])) continue;
    if (!is_near(e->eta1[j], e->eta3[j], e->phi1[j], e->phi3[j])) continue;
    if (!is_near(e->eta2[j], e->eta3[j], e->phi2[j], e->phi3[j])) continue;
    if (!(e->match1[j] >= 0 && e->match1[j] < 0.03f && e->match2[j] >= 0 && e->match2[j] < 0.03f)) continue;
    if (!(e->chi2[j] < best_chi2)) continue;
    double dimuon = dimuon_mass(e, j);
    if (!(dimuon > 1.00 && dimuon < 1.04)) continue;
    if (!is_good_muon(e, e->pt1[j], e->eta1[j], e->phi1[j])) continue;
    if (!is_good_muon(e, e->pt2[j], e->eta2[j], e->phi2[j])) continue;
    if (!is_good_track(e, e->pt3[j], e->eta3[j], e->phi3[j])) continue;
    best_chi2 = e->chi2[j];
    best = mass;
  }
  return best;
}
