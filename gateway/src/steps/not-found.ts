import { ContractError } from "@shop/contracts/errors";
import type { RequestHandler } from "express";

export const notFound: RequestHandler = (_request, _response, next) => {
  next(new ContractError("NOT_FOUND", "There is no such route"));
};
