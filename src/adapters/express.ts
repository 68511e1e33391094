export { type ExposedExpress, type ExposeExpressOptions, exposeExpress } from './expose-express.ts';
export { type ExpressHandler, type ExpressRequest, toExpress } from './express-handler.ts';
