export * from "./agent.js";
export * from "./errors.js";
export * from "./gen/vmplumb/v1/cni_pb.js";
export * from "./gen/vmplumb/v1/errors_pb.js";
export * from "./gen/vmplumb/v1/network_agent_service_pb.js";
export * from "./gen/vmplumb/v1/network_pb.js";
export * from "./gen/vmplumb/v1/rate_limiter_pb.js";
export * from "./gen/vmplumb/v1/vm_network_pb.js";
