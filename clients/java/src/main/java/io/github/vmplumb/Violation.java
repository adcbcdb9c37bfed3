package io.github.vmplumb;

/**
 * A rule that a request violates.
 *
 * @param field path of the field, as "spec.network_interfaces.interfaces[0].cni_configuration.if_name"
 * @param rule id of the rule; "truncated" stands for violations that did not fit into the answer
 * @param message for people
 */
public record Violation(String field, String rule, String message) {}
