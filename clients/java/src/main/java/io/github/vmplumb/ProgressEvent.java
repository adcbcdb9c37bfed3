package io.github.vmplumb;

import io.github.vmplumb.v1.Progress;
import java.time.Instant;

/**
 * One thing that happened during a set-up or a teardown.
 *
 * @param uid the operation: VMNetwork.uid for a set-up, the teardown's own for a teardown
 * @param sequence its place in the operation, from 1; a reader that lags may see gaps, never the same one twice
 * @param replayed whether it happened before the call that sent it attached
 */
public record ProgressEvent(String uid, long sequence, Instant time, boolean replayed, Progress progress) {}
