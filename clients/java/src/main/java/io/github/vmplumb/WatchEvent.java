package io.github.vmplumb;

import io.github.vmplumb.v1.VMNetwork;
import java.util.Optional;

/**
 * A record after a change, or a sign that all up to {@code revision} has been seen.
 *
 * @param revision a value for after_revision, once the first event without a network has come
 * @param network the record; PHASE_REMOVED says it is gone; empty in a bookmark
 */
public record WatchEvent(long revision, Optional<VMNetwork> network) {}
